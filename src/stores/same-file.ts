import { statSync } from 'node:fs';
import { BerthError } from '../core/errors.ts';

/**
 * SQLite goes on with the file that it has opened, wherever that is now: what is written there nobody finds.
 *
 * @returns throws `BAD_DATA` once another file, or none, is at the path
 */
export function sameFile(path: string): () => void {
  const opened = identityOf(path);
  return () => {
    if (identityOf(path) === opened) return;
    throw new BerthError(`${path} is not the file any more that was opened: it was moved or replaced.`, {
      code: 'BAD_DATA',
      hint: 'Stop what uses it before you put another file there; `berth up` starts a worker on the one that is there now.',
    });
  };
}

function identityOf(path: string): string | null {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? `${found.dev}:${found.ino}` : null;
}
