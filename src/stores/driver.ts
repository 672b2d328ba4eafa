import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import { BerthError, type ErrorCode, messageOf } from '../core/errors.ts';
import { loadNativeSqlite, type SqliteLibrary } from './native-sqlite.ts';

export type SqlValue = string | number | null;
export type SqlValues = Readonly<Record<string, SqlValue>>;

/** A connection with its statements prepared once. Values are named: `:id` takes `{ id }`. */
export interface Database {
  readonly path: string;
  /** Several statements without values. */
  exec(sql: string): void;
  /** How many rows changed. */
  run(sql: string, values?: SqlValues): number;
  get<Row>(sql: string, values?: SqlValues): Row | undefined;
  all<Row>(sql: string, values?: SqlValues): Row[];
  close(): void;
}

/**
 * Open a connection. Nothing is written by opening.
 *
 * @throws {BerthError} `STATE_UNSUPPORTED` without a safe SQLite, else as `sqliteError` says
 */
export function openDatabase(path: string, options: { readonly readOnly: boolean }): Database {
  const { DatabaseSync } = sqliteLibrary();
  try {
    const connection = new DatabaseSync(path, { readOnly: options.readOnly });
    connection.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA mmap_size = 0; PRAGMA foreign_keys = ON`);
    return wrap(connection, path);
  } catch (error) {
    throw sqliteError(error, path);
  }
}

function wrap(connection: DatabaseSyncInstance, path: string): Database {
  const statements = new Map<string, StatementSyncInstance>();
  const prepared = (sql: string): StatementSyncInstance => {
    const known = statements.get(sql);
    if (known) return known;
    const statement = connection.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  return {
    path,
    exec: (sql) => connection.exec(sql),
    run: (sql, values = {}) => Number(prepared(sql).run(values).changes),
    get: <Row>(sql: string, values: SqlValues = {}) => prepared(sql).get(values) as Row | undefined,
    all: <Row>(sql: string, values: SqlValues = {}) => prepared(sql).all(values) as Row[],
    close: () => connection.close(),
  };
}

/**
 * An error of SQLite as one of ours; any other error as it is.
 *
 * Source: https://sqlite.org/rescode.html, primary result codes.
 */
export function sqliteError(error: unknown, path: string): unknown {
  const known = ERRORS[primaryCode(error)];
  if (!known) return error;
  const [code, what, hint] = known;
  return new BerthError(`${path} ${what}: ${messageOf(error)}.`, { code, hint, cause: error });
}

const TRY_LATER = [
  'TRY_AGAIN',
  'is locked by another process',
  'Try again; `berth status` names the worker.',
] as const;
const NOT_WRITABLE = [
  'STATE_NOT_WRITABLE',
  'cannot be written',
  'Check who owns the folder, or set BERTH_HOME to another one.',
] as const;
const DISK = [
  'IO',
  'cannot be written',
  'Check the disk with `df -h`; nothing of this call was stored.',
] as const;
const DAMAGED = [
  'BAD_DATA',
  'is not a usable database',
  'Move it away and start anew, or restore it from `backups/` beside it.',
] as const;
const ERRORS: Readonly<Record<number, readonly [ErrorCode, string, string]>> = {
  5: TRY_LATER,
  6: TRY_LATER,
  8: NOT_WRITABLE,
  10: DISK,
  11: DAMAGED,
  13: DISK,
  14: NOT_WRITABLE,
  26: DAMAGED,
};

/** The low byte of an SQLite result code; 0 for any other error. */
export function primaryCode(error: unknown): number {
  if (!(error instanceof Error)) return 0;
  const code = 'errcode' in error ? error.errcode : null;
  if (typeof code === 'number') return code & 0xff;
  // `all` of @photostructure/sqlite 1.2.1 tells SQLite's words only
  return 'code' in error && error.code === 'ERR_SQLITE_ERROR' ? (WORDS[error.message] ?? 0) : 0;
}

/** Source: `sqlite3_errstr` in https://sqlite.org/src/file/src/main.c. */
const WORDS: Readonly<Record<string, number>> = {
  'database is locked': 5,
  'database table is locked': 6,
  'attempt to write a readonly database': 8,
  'disk I/O error': 10,
  'database disk image is malformed': 11,
  'database or disk is full': 13,
  'unable to open database file': 14,
  'file is not a database': 26,
};

export const SQLITE_BUSY = 5;

/** A call that meets a lock waits this long, and blocks its process while it waits. */
const BUSY_MS = 5000;

let library: SqliteLibrary | null = null;

/** Node's own SQLite where it is there and new enough, else ours; loaded at the first use. */
function sqliteLibrary(): SqliteLibrary {
  if (library !== null) return library;
  const builtIn = builtInSqlite();
  const chosen = builtIn !== null && isSafe(versionOf(builtIn)) ? builtIn : loadNativeSqlite();
  if (!isSafe(versionOf(chosen))) {
    throw new BerthError(`SQLite ${versionOf(chosen)} can lose commits when two processes write.`, {
      code: 'STATE_UNSUPPORTED',
      hint: `Install berth again; it brings SQLite ${OLDEST.join('.')} or newer.`,
    });
  }
  library = chosen;
  return library;
}

function builtInSqlite(): SqliteLibrary | null {
  const found = withoutSqliteWarning(() => process.getBuiltinModule?.('node:sqlite'));
  return (found as SqliteLibrary | undefined) ?? null;
}

/** Node 22 and 24 call `node:sqlite` experimental on stderr at every start; other warnings pass. */
function withoutSqliteWarning<T>(load: () => T): T {
  const emitWarning = process.emitWarning;
  process.emitWarning = ((...args: Parameters<typeof emitWarning>) => {
    if (!/SQLite/.test(String(args[0]))) Reflect.apply(emitWarning, process, args);
  }) as typeof emitWarning;
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Version of the SQLite in use: `3.53.0`. */
export function sqliteVersion(): string {
  return versionOf(sqliteLibrary());
}

/** The library's own word: Node.js may have been built against another one than it loads. */
function versionOf({ DatabaseSync }: SqliteLibrary): string {
  const memory = new DatabaseSync(':memory:');
  const row = memory.prepare('SELECT sqlite_version() AS version').get() as { readonly version: string };
  memory.close();
  return row.version;
}

/**
 * The first release without the WAL-reset bug, in which two connections that write and checkpoint
 * at the same time could lose a commit.
 */
const OLDEST = [3, 51, 3] as const;

/** @param version  `3.51.3` */
export function isSafe(version: string): boolean {
  const parts = version.split('.').map(Number);
  const differing = OLDEST.findIndex((least, at) => parts[at] !== least);
  return differing === -1 || (parts[differing] ?? 0) > (OLDEST[differing] ?? 0);
}
