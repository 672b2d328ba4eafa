import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Deps } from '../actions/deps.ts';
import { BerthError, messageOf } from '../core/errors.ts';

/** Lines of a file, or of stdin for `-`. @throws {BerthError} `FILE_NOT_FOUND` */
export async function* linesOf(path: string, { cwd }: Pick<Deps, 'cwd'>): AsyncGenerator<string> {
  const input = path === '-' ? process.stdin : createReadStream(resolve(cwd, path));
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) yield line;
  } catch (error) {
    if (error instanceof BerthError) throw error;
    throw new BerthError(`${path} cannot be read: ${messageOf(error)}.`, {
      code: 'FILE_NOT_FOUND',
      hint: 'Give the path of a file, or `-` for standard input.',
    });
  }
}
