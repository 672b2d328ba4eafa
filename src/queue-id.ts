import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What tells this state folder from every other, on any machine: the containers of its tasks carry it, so that a
 * sweep knows its own.
 *
 * @param wish  `made`: made where there is none. `known`: null where no container was ever started
 */
export function queueId(home: string, wish: 'made'): string;
export function queueId(home: string, wish: 'known'): string | null;
export function queueId(home: string, wish: 'made' | 'known'): string | null {
  const path = join(home, 'id');
  const known = read(path);
  if (known !== null || wish === 'known') return known;
  const own = `${path}.${process.pid}`;
  writeFileSync(own, `${randomUUID()}\n`, { mode: 0o600 });
  try {
    // of two processes the first one's counts
    linkSync(own, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    unlinkSync(own);
  }
  return read(path);
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
