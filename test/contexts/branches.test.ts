import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localWorld } from '../../src/contexts/resolve/local-world.ts';
import { madeUp, request } from '../../src/contexts/resolve/made-up.ts';
import { resolveContext } from '../../src/contexts/resolve.ts';
import { localHost } from '../../src/hosts/local.ts';

const top = realpathSync(mkdtempSync(join(tmpdir(), 'berth-branches-')));
const { inspector, probe } = madeUp({ docker: 'silent' });
const world = localWorld({
  host: localHost(),
  environment: process.env,
  home: join(top, 'state'),
  inspector,
  probe,
  dryRun: false,
});

afterAll(() => rmSync(top, { recursive: true, force: true }));

describe('branches', () => {
  const repository = join(top, 'repo');
  const git = (...argv: readonly string[]) =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@t', ...argv], {
      stdio: 'ignore',
    });
  beforeAll(() => {
    mkdirSync(join(repository, 'sub'), { recursive: true });
    writeFileSync(join(repository, 'sub/x'), '');
    git('init', '-b', 'main');
    git('add', '.');
    git('commit', '-m', 'x');
    for (const branch of ['fix', 'feature/new']) git('branch', branch);
    git('worktree', 'add', join(top, 'elsewhere-fix'), 'fix');
  });
  const on = (gitBranch: string, worktree = false) =>
    resolveContext(request(join(repository, 'sub'), { gitBranch, worktree }), world);

  test('the checkout itself, another worktree, a new one beside it', async () => {
    expect((await on('main')).dir.host).toBe(join(repository, 'sub'));
    expect((await on('fix')).dir.host).toBe(join(top, 'elsewhere-fix/sub'));
    await expect(on('feature/new')).rejects.toMatchObject({ code: 'BRANCH_MISMATCH' });
    const made = await on('feature/new', true);
    expect(made).toMatchObject({
      dir: { host: `${repository}-feature-new/sub` },
      git: { branch: 'feature/new' },
    });
    expect((await on('feature/new')).dir.host).toBe(made.dir.host);
  });

  test('a branch that git does not know leaves nothing behind', async () => {
    await expect(on('none', true)).rejects.toMatchObject({ code: 'BRANCH_MISMATCH' });
    expect(world.files.isDirectory(`${repository}-none`)).toBe(false);
  });
});
