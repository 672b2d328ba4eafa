import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BerthError, messageOf } from '../core/errors.ts';

/**
 * Make the state folder (0700) and an empty database file (0600) in it, where they are missing.
 *
 * @returns path of the database file
 * @throws  {BerthError} as `makeStateFolder`, and `STATE_UNSUPPORTED` on a network file system
 */
export function prepareStateFolder(directory: string): string {
  const path = join(directory, 'berth.db');
  makeStateFolder(directory);
  attempt(directory, () => {
    requireLocal(directory);
    createPrivate(path);
  });
  return path;
}

/** @throws {BerthError} `STATE_NOT_WRITABLE`, `POLICY` when another user owns the folder */
export function makeStateFolder(directory: string): void {
  attempt(directory, () => {
    makeFolder(directory);
    requireOwn(directory);
  });
}

function attempt(directory: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof BerthError) throw error;
    throw new BerthError(`The state folder ${directory} cannot be used: ${messageOf(error)}.`, {
      code: 'STATE_NOT_WRITABLE',
      hint: 'Check who owns it (`ls -ld`), or set BERTH_HOME to a folder of your own.',
      cause: error,
    });
  }
}

/**
 * With what is missing above it. Node's own recursive mkdir never ends where a folder refuses with ENOENT though it
 * is there, as /proc does.
 */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // another process was faster
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

/** An empty file that only its owner can read; SQLite gives its -wal and -shm the same mode. */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  }
}

function requireOwn(directory: string): void {
  const { uid, mode } = statSync(directory);
  const self = process.getuid?.();
  if (self !== undefined && uid !== self) {
    throw new BerthError(`The state folder ${directory} belongs to user id ${uid}, and you are ${self}.`, {
      code: 'POLICY',
      hint: 'Run berth as its owner, or set BERTH_HOME to a folder of your own.',
    });
  }
  if ((mode & 0o077) !== 0) chmodSync(directory, 0o700);
}

function requireLocal(directory: string): void {
  const kind = process.platform === 'linux' ? networkFileSystem(statfsSync(directory).type) : null;
  if (kind === null) return;
  throw new BerthError(`The state folder ${directory} is on ${kind}, where SQLite's locks do not hold.`, {
    code: 'STATE_UNSUPPORTED',
    hint: 'Set BERTH_HOME to a folder on a local disk; for several machines use a PostgreSQL queue.',
  });
}

/**
 * Name of a network file system, or null for any other.
 *
 * @param type  `f_type` of statfs(2); its manual page lists the numbers
 */
export function networkFileSystem(type: number): string | null {
  return NETWORK[type >>> 0] ?? null;
}

const NETWORK: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4266872130: 'SMB',
  4283649346: 'CIFS',
  1397113167: 'AFS',
  12805120: 'Ceph',
  198183888: 'Lustre',
};
