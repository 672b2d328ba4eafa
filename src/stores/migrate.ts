import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BerthError } from '../core/errors.ts';
import { type Database, openDatabase, primaryCode, SQLITE_BUSY } from './driver.ts';
import type { Migration } from './migrations.ts';
import { createPrivate } from './state-folder.ts';

/** The schema that this program writes; a test compares it with the folder of migrations. */
export const SCHEMA_VERSION = 5;

/**
 * Refuse what must not be written to, before anything is: a file of another program, a newer schema.
 *
 * The version is read from the file itself, or by a reader while a write-ahead log may hold a later one.
 *
 * @throws {BerthError} `BAD_DATA`, `SCHEMA_NEWER`
 */
export function checkSchema(path: string): void {
  const header = readHeader(path);
  if (header === null) return;
  // ours is one empty page until its first migration is through
  const isOurs = header.applicationId === APPLICATION_ID || (header.version === 0 && header.pages <= 1);
  if (header.magic !== MAGIC || !isOurs) {
    throw new BerthError(`${path} is not a database of berth.`, {
      code: 'BAD_DATA',
      hint: 'Move it away and start anew, or restore it from `backups/` beside it.',
    });
  }
  refuseNewer(header.version, path, SCHEMA_VERSION);
  if (existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0) {
    const reader = openDatabase(path, { readOnly: true });
    try {
      refuseNewer(userVersion(reader), path, SCHEMA_VERSION);
    } finally {
      reader.close();
    }
  }
}

interface Header {
  readonly magic: string;
  readonly pages: number;
  readonly version: number;
  readonly applicationId: number;
}

/** null for an empty file. Source of the offsets: https://sqlite.org/fileformat.html, 1.3 "The Database Header". */
function readHeader(path: string): Header | null {
  const bytes = Buffer.alloc(100);
  const file = openSync(path, 'r');
  const length = readSync(file, bytes, 0, bytes.length, 0);
  closeSync(file);
  if (length === 0) return null;
  return {
    magic: bytes.toString('latin1', 0, MAGIC.length),
    pages: bytes.readUInt32BE(28),
    version: bytes.readUInt32BE(60),
    applicationId: bytes.readUInt32BE(68),
  };
}

const MAGIC = 'SQLite format 3\0';
/** 'bert' */
const APPLICATION_ID = 0x62657274;

function refuseNewer(version: number, path: string, known: number): void {
  if (version <= known) return;
  throw new BerthError(`${path} has schema ${version}; this berth knows up to ${known}.`, {
    code: 'SCHEMA_NEWER',
    hint: 'Update berth, or set BERTH_HOME to another folder. Nothing was written.',
  });
}

function userVersion(database: Database): number {
  return database.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
}

/** Ready to write: a log, each commit on disk before it is acknowledged, the current schema. */
export async function makeCurrent(database: Database, nowMs: number): Promise<void> {
  await useWal(database);
  if (userVersion(database) === SCHEMA_VERSION) return;
  const { SQLITE_MIGRATIONS } = await import('./migrations.ts');
  migrate(database, { nowMs, migrations: SQLITE_MIGRATIONS });
}

/**
 * Bring an opened database to the current schema. Of many processes that open at once one does the work.
 * An existing database is copied to `backups/` first; the whole step is one transaction.
 */
export function migrate(
  database: Database,
  { nowMs, migrations }: { readonly nowMs: number; readonly migrations: readonly Migration[] },
): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    const from = userVersion(database);
    refuseNewer(from, database.path, migrations.length);
    if (from > 0 && from < migrations.length) backUp(database, from, nowMs);
    for (const { version, name, sql } of migrations.slice(from)) {
      database.exec(sql);
      database.exec(`PRAGMA user_version = ${version}; PRAGMA application_id = ${APPLICATION_ID}`);
      database.run('insert into migrations values (:version, :name, :nowMs)', { version, name, nowMs });
    }
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
  // so that the file itself tells its schema from now on
  database.exec('PRAGMA wal_checkpoint');
}

/** The change to WAL does not wait for other processes by itself, whatever the busy timeout says. */
async function useWal(database: Database): Promise<void> {
  for (let left = 500; ; left -= 1) {
    try {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      return;
    } catch (error) {
      if (primaryCode(error) !== SQLITE_BUSY || left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** A second connection reads what is committed, while ours holds the write lock. */
function backUp(database: Database, version: number, nowMs: number): void {
  const folder = join(dirname(database.path), 'backups');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const copy = join(
    folder,
    `berth-schema-${version}-${new Date(nowMs).toISOString().replaceAll(':', '')}.db`,
  );
  createPrivate(copy);
  const reader = openDatabase(database.path, { readOnly: true });
  try {
    reader.run('VACUUM INTO :copy', { copy });
  } finally {
    reader.close();
  }
}
