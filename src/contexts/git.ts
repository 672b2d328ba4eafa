import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { GitFacts } from '../core/context.ts';
import { kindOf, listDirectory, textOf } from './detect/files.ts';

/** A repository as its files show it. No program runs: git itself executes what an untrusted config names. */
export interface Repository {
  /** Top directory of the work tree that holds the directory. */
  readonly root: string;
  /** HEAD and index of this work tree. */
  readonly gitDir: string;
  /** What all work trees share; the same as `gitDir` in the main one. */
  readonly commonDir: string;
  /** Null with a detached HEAD, and where the branch is kept in a reftable. */
  readonly branch: string | null;
  /** True in a linked work tree (`git worktree add`). */
  readonly linked: boolean;
}

export interface Worktree {
  readonly path: string;
  readonly branch: string | null;
  readonly main: boolean;
  /** False when its directory is gone and `git worktree prune` would forget it. */
  readonly exists: boolean;
}

/** Branch and work tree of a directory; null outside git and in a bare repository. `dirty` is not looked at. */
export async function gitFacts(dir: string): Promise<GitFacts | null> {
  const repository = findRepository(dir);
  if (repository === null) return null;
  const { root, branch, linked } = repository;
  return { root, branch, worktree: linked ? root : null, dirty: null };
}

/** All work trees of the repository that holds the directory, the main one first; empty outside git. */
export async function worktrees(dir: string): Promise<readonly Worktree[]> {
  const repository = findRepository(dir);
  if (repository === null) return [];
  const { commonDir } = repository;
  const linked = listDirectory(join(commonDir, 'worktrees')).names.flatMap((name) => {
    const own = join(commonDir, 'worktrees', name);
    const gitFile = textOf(join(own, 'gitdir'))?.trim();
    if (!gitFile) return [];
    const path = dirname(resolve(own, gitFile));
    return [{ path, branch: branchOf(own), main: false, exists: kindOf(join(path, '.git')) === 'file' }];
  });
  if (isBare(commonDir) || basename(commonDir) !== '.git') return linked;
  const path = dirname(commonDir);
  return [{ path, branch: branchOf(commonDir), main: true, exists: true }, ...linked];
}

/** The repository whose work tree holds the directory, or null. Symlinks in `dir` are resolved first. */
export function findRepository(dir: string): Repository | null {
  for (const path of upwards(realOf(dir))) {
    const gitDir = gitDirOf(path);
    if (gitDir === null) continue;
    const common = textOf(join(gitDir, 'commondir'))?.trim();
    const commonDir = common ? resolve(gitDir, common) : gitDir;
    if (common === undefined && isBare(gitDir)) return null;
    return { root: path, gitDir, commonDir, branch: branchOf(gitDir), linked: common !== undefined };
  }
  return null;
}

/**
 * The directory that a search upwards must not leave: the nearest one with a `.git` entry, sound or not;
 * null when there is none.
 */
export function gitBoundary(dir: string): string | null {
  return upwards(realOf(dir)).find((path) => kindOf(join(path, '.git')) !== null) ?? null;
}

/** The directory and its parents, nearest first. */
export function upwards(dir: string): readonly string[] {
  const parent = dirname(dir);
  return parent === dir ? [dir] : [dir, ...upwards(parent)];
}

/** `.git` is a directory, or in linked work trees and submodules a file that names one. */
function gitDirOf(path: string): string | null {
  const entry = join(path, '.git');
  const kind = kindOf(entry);
  const named = kind === 'file' ? /^gitdir: (.+)$/m.exec(textOf(entry) ?? '')?.[1]?.trim() : undefined;
  const gitDir = kind === 'directory' ? entry : named === undefined ? null : resolve(path, named);
  return gitDir !== null && textOf(join(gitDir, 'HEAD')) !== null ? gitDir : null;
}

function branchOf(gitDir: string): string | null {
  const branch = /^ref: refs\/heads\/(.+)$/m.exec(textOf(join(gitDir, 'HEAD')) ?? '')?.[1]?.trim();
  // with the reftable format HEAD is only there so that old gits recognise a repository
  return branch === undefined || branch === '.invalid' ? null : branch;
}

function isBare(gitDir: string): boolean {
  return /^\s*bare\s*=\s*true\s*$/im.test(textOf(join(gitDir, 'config')) ?? '');
}

function realOf(dir: string): string {
  try {
    return realpathSync(dir);
  } catch {
    return resolve(dir); // not there: its parents may still be
  }
}
