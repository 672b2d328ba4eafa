import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { aTree } from '../../test/support/tree.ts';
import { findRepository, gitFacts, worktrees } from './git.ts';

function git(dir: string, ...args: readonly string[]): string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'protocol.file.allow=always'];
  return execFileSync('git', [...identity, ...args], {
    cwd: dir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

function aRepository(): string {
  const root = aTree({ 'src/a.txt': 'a' }, 'no git');
  git(root, 'init', '-q', '-b', 'main');
  git(root, 'add', '.');
  git(root, 'commit', '-q', '-m', 'first');
  return root;
}

describe('facts of a repository', () => {
  test('root and branch are what git itself says, from a directory below', async () => {
    const root = aRepository();
    git(root, 'switch', '-q', '-c', 'feature/x');

    expect(await gitFacts(join(root, 'src'))).toEqual({
      root,
      branch: 'feature/x',
      worktree: null,
      dirty: null,
    });
    expect(git(join(root, 'src'), 'rev-parse', '--show-toplevel')).toBe(root);
  });

  test('a detached HEAD has no branch', async () => {
    const root = aRepository();
    git(root, 'switch', '-q', '--detach');

    expect((await gitFacts(root))?.branch).toBeNull();
  });

  test('a repository without a commit has a branch', async () => {
    const root = aTree({}, 'no git');
    git(root, 'init', '-q', '-b', 'trunk');

    expect((await gitFacts(root))?.branch).toBe('trunk');
  });

  test('outside git there are no facts', async () => {
    expect(await gitFacts(aTree({}, 'no git'))).toBeNull();
    expect(await worktrees(aTree({}, 'no git'))).toEqual([]);
  });

  test('an empty .git directory is no repository', async () => {
    expect(await gitFacts(aTree({}))).toBeNull();
  });

  test('a bare repository has no work tree, but lists its linked ones', async () => {
    const root = aRepository();
    const bare = aTree({}, 'no git');
    git(bare, 'clone', '-q', '--bare', root, '.bare');
    writeFileSync(join(bare, '.git'), 'gitdir: ./.bare\n');
    git(join(bare, '.bare'), 'worktree', 'add', '-q', '../tree', '-b', 'side');

    expect(await gitFacts(bare)).toBeNull();
    expect(await gitFacts(join(bare, 'tree'))).toMatchObject({
      branch: 'side',
      worktree: join(bare, 'tree'),
    });
    expect(await worktrees(join(bare, 'tree'))).toEqual([
      { path: join(bare, 'tree'), branch: 'side', main: false, exists: true },
    ]);
  });

  test('a submodule is a repository of its own', async () => {
    const inner = aRepository();
    const outer = aRepository();
    git(outer, 'submodule', '--quiet', 'add', inner, 'sub');
    git(join(outer, 'sub'), 'switch', '-q', '-c', 'inside');

    expect(await gitFacts(join(outer, 'sub/src'))).toMatchObject({
      root: join(outer, 'sub'),
      branch: 'inside',
      worktree: null,
    });
  });
});

describe('work trees', () => {
  test.each([[[]], [['--relative-paths']]])(
    'linked ones are listed with their branches (%j)',
    async (options) => {
      const root = aRepository();
      const tree = join(root, '..', `${root.split('/').at(-1)}-side`);
      try {
        git(root, 'worktree', 'add', '-q', ...options, tree, '-b', 'side');
      } catch (error) {
        if (options.length > 0 && String(error).includes('unknown option')) return; // git before 2.48
        throw error;
      }
      try {
        const facts = findRepository(join(tree, 'src'));

        expect(facts).toMatchObject({
          root: tree,
          branch: 'side',
          linked: true,
          commonDir: join(root, '.git'),
        });
        expect(await gitFacts(tree)).toEqual({ root: tree, branch: 'side', worktree: tree, dirty: null });
        const expected = [
          { path: root, branch: 'main', main: true, exists: true },
          { path: tree, branch: 'side', main: false, exists: true },
        ];
        expect(await worktrees(root)).toEqual(expected);
        expect(await worktrees(tree)).toEqual(expected);
        rmSync(tree, { recursive: true });
        expect((await worktrees(root))[1]).toMatchObject({ exists: false });
      } finally {
        rmSync(tree, { recursive: true, force: true });
      }
    },
  );

  test('a .git file that points nowhere does not hide the repository around it', async () => {
    const root = aRepository();
    mkdirSync(join(root, 'lost'));
    writeFileSync(join(root, 'lost/.git'), 'gitdir: /no/such/place\n');

    expect((await gitFacts(join(root, 'lost')))?.root).toBe(root);
  });
});
