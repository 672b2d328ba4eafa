import { realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { BerthError } from '../../core/errors.ts';
import { gitBoundary, upwards } from '../git.ts';
import { isErrno } from './errno.ts';
import { visible } from './visible.ts';

/** The directories that may speak for a directory: itself first, then its parents as far as they are trusted. */
export interface SearchPath {
  readonly dirs: readonly [string, ...string[]];
  /** The last of them: the git root where there is one. */
  readonly root: string;
}

/**
 * Inside git: up to the git root, or to the home directory if that is nearer. Outside git nothing says where a
 * project begins, so a parent counts only while it belongs to the owner of the directory and nobody else may
 * write to it (`/tmp/compose.yaml` may be anybody's); the home directory and `/` hold projects and are none.
 *
 * @throws {BerthError} `DIRECTORY_NOT_FOUND`
 */
export function searchPath(dir: string, home: string): SearchPath {
  const start = realDirectory(dir);
  const realHome = realOrSame(home);
  const gitRoot = gitBoundary(start);
  const dirs: [string, ...string[]] = [start];
  for (const parent of upwards(start).slice(1)) {
    const below = dirs.at(-1);
    if (below === gitRoot || below === realHome) break;
    if (gitRoot === null && !isOwnProject(parent, { start, home: realHome })) break;
    dirs.push(parent);
  }
  return { dirs, root: dirs.at(-1) ?? start };
}

function isOwnProject(
  parent: string,
  { start, home }: { readonly start: string; readonly home: string },
): boolean {
  if (parent === home || parent === dirname(parent)) return false;
  try {
    const stats = statSync(parent);
    return stats.uid === statSync(start).uid && (stats.mode & 0o002) === 0;
  } catch {
    return false;
  }
}

function realDirectory(dir: string): string {
  let real: string | null = null;
  try {
    const path = realpathSync(dir);
    if (statSync(path).isDirectory()) real = path;
  } catch (error) {
    if (!isErrno(error)) throw error;
  }
  if (real !== null) return real;
  throw new BerthError(`There is no directory ${visible(resolve(dir))}.`, {
    code: 'DIRECTORY_NOT_FOUND',
    hint: 'Check the spelling, and that you may enter it.',
  });
}

function realOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
