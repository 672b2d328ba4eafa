import { describe, expect, test } from 'vitest';
import type { GitFacts } from '../../core/context.ts';
import { resolveContext } from '../resolve.ts';
import {
  asked,
  bind,
  candidate,
  composed,
  type MadeUp,
  madeUp,
  project,
  request,
  service,
} from './made-up.ts';
import type { World } from './world.ts';

/** /repo is on main, /repo-fix on fix. */
function repository(more: Partial<World['git']> = {}): World['git'] {
  const trees = [
    { path: '/repo', branch: 'main', main: true, exists: true },
    { path: '/repo-fix', branch: 'fix', main: false, exists: true },
    { path: '/gone', branch: 'old', main: false, exists: false },
  ];
  const facts = async (dir: string): Promise<GitFacts | null> => {
    const tree = trees.find(({ path }) => dir === path || dir.startsWith(`${path}/`));
    if (tree === undefined) return null;
    return { root: tree.path, branch: tree.branch, worktree: tree.main ? null : tree.path, dirty: null };
  };
  const repository = (dir: string) => {
    const tree = trees.find(({ path }) => dir === path || dir.startsWith(`${path}/`));
    if (tree === undefined) return null;
    const { path, branch, main } = tree;
    return { root: path, branch, gitDir: `${path}/.git`, commonDir: '/repo/.git', linked: !main };
  };
  return { facts, repository, worktrees: async () => trees, addWorktree: null, ...more };
}

const on = (gitBranch: string, facts: MadeUp = {}, worktree = false) =>
  resolveContext(request('/repo/sub', { gitBranch, worktree }), madeUp({ git: repository(), ...facts }));

describe('a branch that was asked for', () => {
  test('is a gate that its own checkout passes', async () => {
    expect(await on('main')).toMatchObject({
      dir: { host: '/repo/sub' },
      git: { branch: 'main' },
      warnings: [],
    });
  });

  test('is met in the worktree that has it, in the same directory', async () => {
    expect(await on('fix')).toMatchObject({
      dir: { host: '/repo-fix/sub', target: '/repo-fix/sub' },
      git: { branch: 'fix', worktree: '/repo-fix' },
      warnings: ['"fix" is checked out in /repo-fix; the task runs there.'],
    });
  });

  test('that no checkout has ends the attempt; nothing is switched', async () => {
    await expect(on('next')).rejects.toMatchObject({
      code: 'BRANCH_MISMATCH',
      message: '/repo is on branch "main", and the task asks for branch "next".',
    });
    await expect(on('old')).rejects.toMatchObject({ code: 'BRANCH_MISMATCH' });
  });

  test('outside a repository cannot be met', async () => {
    const outside = resolveContext(request('/tmp', { gitBranch: 'main' }), madeUp({}));
    await expect(outside).rejects.toMatchObject({
      code: 'BRANCH_MISMATCH',
      message: expect.stringContaining('/tmp'),
    });
  });

  test('that the worktree lacks the directory of is an error', async () => {
    await expect(on('fix', { missing: ['/repo-fix/sub'] })).rejects.toMatchObject({
      code: 'DIRECTORY_NOT_FOUND',
    });
  });

  test('gets a worktree beside the repository where that was allowed', async () => {
    const made: string[] = [];
    const git = repository({
      addWorktree: async (root, { path, branch }) => {
        made.push(`${branch} of ${root} at ${path}`);
      },
    });
    await on('feature/login', { git }, true);
    expect(made).toEqual(['feature/login of /repo at /repo-feature-login']);
  });

  test('gets no worktree in a dry run', async () => {
    expect(await on('next', {}, true)).toMatchObject({
      dir: { host: '/repo/sub' },
      warnings: ['A worktree of "next" would be made at /repo-next first.'],
    });
  });
});

test('a linked worktree whose git directory is not in the container comes with a warning', async () => {
  const facts: MadeUp = {
    git: repository(),
    candidates: [candidate('docker_compose', '/repo-fix/compose.yaml')],
    project: project('/repo-fix', service('web')),
    docker: [composed('web', '/repo-fix', { mounts: [bind('/repo-fix', '/app')] })],
  };
  const resolved = await resolveContext(request('/repo-fix', { container: asked() }), madeUp(facts));
  expect(resolved.warnings).toEqual([
    '/repo-fix is a linked worktree, and /repo/.git is not at that path in the container: git does not work there.',
  ]);
});

test('a container that berth starts for a linked worktree gets the git directory at its own path', async () => {
  const facts: MadeUp = { git: repository(), images: { 'node:22': { workingDir: '/' } } };
  const options = asked({ image: 'node:22' });
  const resolved = await resolveContext(request('/repo-fix/sub', { container: options }), madeUp(facts));
  expect(resolved.container?.start?.volumes).toEqual(['/repo-fix:/repo-fix', '/repo/.git:/repo/.git']);
  expect(resolved.warnings).toEqual([]);
});
