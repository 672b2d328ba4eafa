import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { BerthError } from '../core/errors.ts';

/**
 * A directory on this machine, absolute; `typed` is relative to `cwd`.
 *
 * @throws {BerthError} `DIRECTORY_NOT_FOUND`
 */
export function existingDirectory(typed: string, cwd: string): string {
  const dir = resolve(cwd, typed);
  const stat = statSync(dir, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return dir;
  throw new BerthError(`The directory ${dir} ${stat ? 'is not a directory' : 'does not exist'}.`, {
    code: 'DIRECTORY_NOT_FOUND',
    hint: 'Name a directory that exists, or leave it out to use the current one.',
  });
}

/** The one optional directory of verbs that look at files. */
export function directoryArgument(args: readonly string[], cwd: string): string {
  return existingDirectory(args[0] ?? '.', cwd);
}
