import { basename, dirname, join, relative } from 'node:path';
import type { ContextRequest, GitFacts } from '../../core/context.ts';
import { BerthError } from '../../core/errors.ts';
import type { World } from './world.ts';

export interface Checkout {
  /** The directory of the task, in the checkout that has the branch. */
  readonly dir: string;
  readonly git: GitFacts | null;
  readonly warnings: readonly string[];
}

/**
 * The directory on the branch that was asked for: itself, or its counterpart in another worktree of
 * the repository that has the branch, or in a new one beside the repository where `--worktree` allows
 * it. A checkout is never switched.
 *
 * @throws {BerthError} `BRANCH_MISMATCH`, `DIRECTORY_NOT_FOUND`
 */
export async function checkoutOf(
  request: Pick<ContextRequest, 'workdir' | 'gitBranch' | 'worktree'>,
  world: World,
): Promise<Checkout> {
  const { workdir, gitBranch } = request;
  const git = await world.git.facts(workdir);
  if (gitBranch === null || git?.branch === gitBranch) return { dir: workdir, git, warnings: [] };
  if (git === null) throw mismatch(`${workdir} is in no git repository`, gitBranch, null);

  const trees = await world.git.worktrees(workdir);
  const tree = trees.find(({ branch, exists }) => exists && branch === gitBranch);
  if (tree !== undefined) return moved(tree.path, { git, request, world });
  if (!request.worktree) {
    const on = git.branch === null ? 'a detached HEAD' : `branch "${git.branch}"`;
    throw mismatch(`${git.root} is on ${on}`, gitBranch, git.root);
  }
  const main = trees.find((one) => one.main)?.path ?? git.root;
  const path = join(dirname(main), `${basename(main)}-${gitBranch.replaceAll(/[^\w.]+/g, '-')}`);
  if (world.git.addWorktree === null) {
    return { dir: workdir, git, warnings: [`A worktree of "${gitBranch}" would be made at ${path} first.`] };
  }
  await world.git.addWorktree(git.root, { path, branch: gitBranch });
  return moved(path, { git, request, world });
}

async function moved(
  path: string,
  from: {
    readonly git: GitFacts;
    readonly request: Pick<ContextRequest, 'workdir' | 'gitBranch'>;
    readonly world: World;
  },
): Promise<Checkout> {
  const { realpath, isDirectory } = from.world.files;
  const dir = join(path, relative(realpath(from.git.root), realpath(from.request.workdir)));
  if (!isDirectory(dir)) {
    throw new BerthError(`The worktree of "${from.request.gitBranch}" has no directory ${dir}.`, {
      code: 'DIRECTORY_NOT_FOUND',
      hint: 'That branch may not have it yet; choose a directory that it has with --workdir.',
    });
  }
  const git = await from.world.git.facts(dir);
  return {
    dir,
    git,
    warnings: [`"${from.request.gitBranch}" is checked out in ${path}; the task runs there.`],
  };
}

function mismatch(is: string, wanted: string, root: string | null): BerthError {
  return new BerthError(`${is}, and the task asks for branch "${wanted}".`, {
    code: 'BRANCH_MISMATCH',
    hint:
      root === null
        ? 'Leave --git-branch out, or choose another --workdir.'
        : 'Switch it yourself, or add --worktree to have a checkout of that branch beside it.',
  });
}
