import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/stores/driver.ts';
import { migrate } from '../../src/stores/migrate.ts';
import { type Migration, SQLITE_MIGRATIONS } from '../../src/stores/migrations.ts';
import { parseAddress } from '../../src/stores/postgres/address.ts';
import { connections } from '../../src/stores/postgres/connection.ts';
import { makeCurrent } from '../../src/stores/postgres/migrate.ts';
import { POSTGRES_MIGRATIONS } from '../../src/stores/postgres/migrations.ts';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { openSqliteStore } from '../../src/stores/sqlite.ts';
import { describeWith } from '../support/engines.ts';
import { TestDatabase } from '../support/postgres.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-migration-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A task as the first release stored it. */
const TASK = `insert into tasks
  (spec, spec_hash, kind, content, host, directory, priority, lane, state, ready, run_at_ms, created_at_ms)
  values ('{}', '', 'line', 'true', 'local', '/', 5, 'nowhere', 'pending', 1, 0, 0)`;
const EVENT = `insert into events (task_id, at_ms, kind) values (1, 0, 'added')`;

test('the queue of the first release survives a kill before any statement of its migrations', async () => {
  const directory = join(folder, 'queue');
  firstRelease(directory);
  const database = openDatabase(join(directory, 'berth.db'), { readOnly: false });
  const killed: string[] = [];
  // what a process that is killed now leaves behind: the files as they are
  const leave = () => {
    const copy = join(folder, `killed-${killed.length}`);
    cpSync(directory, copy, { recursive: true });
    killed.push(copy);
  };

  migrate(watched(database, leave), { nowMs: 0, migrations: SQLITE_MIGRATIONS });
  database.close();

  expect(killed.length).toBeGreaterThan(SQLITE_MIGRATIONS.length * 3);
  for (const copy of killed) {
    await using store = await openSqliteStore({ directory: copy });
    expect((await store.tasks({ limit: 10 })).map(({ id }) => id)).toEqual([1]);
    expect(await store.pauses()).toEqual([]);
    expect((await store.problems()).filter((problem) => !problem.includes('hash'))).toEqual([]);
  }
}, 120_000);

/** @param before  called before each statement */
function watched(database: Database, before: () => void): Database {
  return {
    ...database,
    exec(sql) {
      for (const statement of statementsOf(sql)) {
        before();
        database.exec(statement);
      }
    },
    run(sql, values) {
      before();
      return database.run(sql, values);
    },
  };
}

function firstRelease(directory: string): void {
  mkdirSync(directory, { mode: 0o700 });
  const database = openDatabase(join(directory, 'berth.db'), { readOnly: false });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  migrate(database, { nowMs: 0, migrations: SQLITE_MIGRATIONS.slice(0, 1) });
  database.exec(`${TASK}; ${EVENT}`);
  database.close();
}

describeWith(['postgres'], 'migrations on PostgreSQL', () => {
  test.each([
    ['an empty database', 0],
    ['the queue of the first release', 1],
  ])(
    '%s survives a connection that is lost before any statement of its migrations',
    async (_what, from) => {
      await using database = new TestDatabase();
      const address = parseAddress(database.url);
      const pool = await connections(address);
      if (from > 0) {
        await makeCurrent(pool, address, POSTGRES_MIGRATIONS.slice(0, from));
        await database.query(`${TASK}; ${EVENT}`);
      }

      for (const cut of cuts(POSTGRES_MIGRATIONS, from)) {
        await expect(makeCurrent(pool, address, cut)).rejects.toMatchObject({ code: 'TRY_AGAIN' });
        const tables = `select count(*)::int as n from pg_tables where schemaname = '${database.schema}'`;
        if (from === 0) expect((await database.query(tables)).rows).toEqual([{ n: 0 }]);
        else
          expect((await database.query('select version from migrations')).rows).toEqual([{ version: from }]);
      }
      await pool.close();

      await using store = await openPostgresStore({ url: database.url });
      expect(await store.tasks({ limit: 10 })).toHaveLength(from);
      expect(await store.pauses()).toEqual([]);
    },
    120_000,
  );
});

/** The migrations, ending in the middle: once before each statement of those that are to be applied. */
function cuts(migrations: readonly Migration[], from: number): readonly (readonly Migration[])[] {
  return migrations.slice(from).flatMap((migration, at) =>
    statementsOf(migration.sql).map((_, count) => [
      ...migrations.slice(0, from + at),
      {
        ...migration,
        sql: `${statementsOf(migration.sql).slice(0, count).join('\n')}\nselect pg_terminate_backend(pg_backend_pid());`,
      },
    ]),
  );
}

/** A trigger and a function hold statements of their own. */
function statementsOf(sql: string): readonly string[] {
  const statements: string[] = [];
  let whole = '';
  for (const line of sql.split('\n')) {
    whole += `${line}\n`;
    const code = line.replace(/--.*/, '').trimEnd();
    const inBody = /^create (?:trigger|function)[^;]*\b(?:begin|\$\$)/im.test(whole);
    if (!code.endsWith(';') || (inBody && !/^(?:end;|\$\$.*;)$/.test(code))) continue;
    statements.push(whole);
    whole = '';
  }
  return whole.trim() === '' ? statements : [...statements, whole];
}
