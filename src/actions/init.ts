import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError } from '../core/errors.ts';
import type { Deps } from './deps.ts';

/**
 * Write `berth.yaml` into a directory, from what was detected there.
 *
 * @returns path of the file
 * @throws  {BerthError} `FILE_EXISTS` unless it may be replaced
 */
export async function init(deps: Deps, dir: string, replace: boolean): Promise<string> {
  const path = join(dir, 'berth.yaml');
  const text = await deps.contexts.draft(dir);
  await writeFile(path, text, { flag: replace ? 'w' : 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    throw new BerthError(`${path} is already there.`, {
      code: 'FILE_EXISTS',
      hint: 'See what would be written with `berth init --print`, or replace it with `--force`.',
      cause: error,
    });
  });
  return path;
}
