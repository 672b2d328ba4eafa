import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { aTask, aWorker, startWorker } from '../testing/store-fixture.ts';
import { isSafe, openDatabase, sqliteVersion } from './driver.ts';
import { migrate, SCHEMA_VERSION } from './migrate.ts';
import { SQLITE_MIGRATIONS } from './migrations.ts';
import { openSqliteStore } from './sqlite.ts';
import { networkFileSystem } from './state-folder.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'berth-open-'));
  path = join(directory, 'berth.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);

function change(sql: string): void {
  const database = openDatabase(path, { readOnly: false });
  database.exec(sql);
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
}

describe('opening the state folder', () => {
  test('the folder and every file in it are private', async () => {
    const folder = join(directory, 'a/b');
    await using store = await openSqliteStore({ directory: folder });
    await store.add(aTask());

    expect(modeOf(folder)).toBe('700');
    for (const file of readdirSync(folder)) expect([file, modeOf(join(folder, file))]).toEqual([file, '600']);
  });

  test('a database that others could read is closed to them', async () => {
    await (await openSqliteStore({ directory })).close();
    const open = statSync(path).mode | 0o044;
    const { chmodSync } = await import('node:fs');
    chmodSync(path, open);
    chmodSync(directory, 0o755);

    await (await openSqliteStore({ directory })).close();

    expect([modeOf(directory), modeOf(path)]).toEqual(['700', '600']);
  });

  test('a newer schema is refused and the file stays as it is, byte for byte', async () => {
    await (await openSqliteStore({ directory })).close();
    change(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    const before = readFileSync(path);
    const files = readdirSync(directory);

    await expect(openSqliteStore({ directory })).rejects.toMatchObject({
      code: 'SCHEMA_NEWER',
      message: expect.stringContaining(String(SCHEMA_VERSION + 1)),
    });

    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(directory)).toEqual(files);
  });

  test('a newer schema that is only in the write-ahead log is refused as well', async () => {
    await (await openSqliteStore({ directory })).close();
    const writer = openDatabase(path, { readOnly: false });
    writer.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    const before = readFileSync(path);

    await expect(openSqliteStore({ directory })).rejects.toMatchObject({ code: 'SCHEMA_NEWER' });

    expect(readFileSync(path).equals(before)).toBe(true);
    writer.close();
  });

  test.each([
    ['text', Buffer.from('hello, this is not a database\n')],
    ['zeros', Buffer.alloc(4096)],
    ['a cut header', Buffer.from('SQLite for')],
  ])('a file that is no database is refused and kept: %s', async (_name, bytes) => {
    writeFileSync(path, bytes);

    await expect(openSqliteStore({ directory })).rejects.toMatchObject({ code: 'BAD_DATA' });

    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  test.each([0, 7])("another program's database is refused and kept, user_version %d", async (version) => {
    change(`PRAGMA user_version = ${version}; CREATE TABLE theirs (x)`);
    const before = readFileSync(path);

    await expect(openSqliteStore({ directory })).rejects.toMatchObject({ code: 'BAD_DATA' });

    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('a damaged database is a clear error', async () => {
    const store = await openSqliteStore({ directory });
    await Promise.all(Array.from({ length: 500 }, () => store.add(aTask('x'.repeat(500)))));
    await store.close();
    change('PRAGMA user_version');
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 4096 * 3, 4096 * 60);
    writeFileSync(path, bytes);
    rmSync(`${path}-wal`, { force: true });
    rmSync(`${path}-shm`, { force: true });

    const reading = openSqliteStore({ directory }).then(async (damaged) => {
      await using opened = damaged;
      return await opened.tasks({ limit: 1000 });
    });

    await expect(reading).rejects.toMatchObject({ code: 'BAD_DATA' });
  });

  test('a folder that cannot be made is one clear error', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');

    await expect(openSqliteStore({ directory: join(file, 'berth') })).rejects.toMatchObject({
      code: 'STATE_NOT_WRITABLE',
      message: expect.stringContaining(file),
    });
  });

  test.skipIf(process.getuid?.() !== 0)("another user's folder is refused [needs root]", async () => {
    const { chownSync } = await import('node:fs');
    const folder = join(directory, 'theirs');
    mkdirSync(folder);
    chownSync(folder, 65534, 65534);

    await expect(openSqliteStore({ directory: folder })).rejects.toMatchObject({ code: 'POLICY' });

    expect(readdirSync(folder)).toEqual([]);
  });

  test('network file systems are known by their numbers', () => {
    expect(networkFileSystem(0x6969)).toBe('NFS');
    expect(networkFileSystem(0xff534d42 | 0)).toBe('CIFS');
    expect(networkFileSystem(0xef53)).toBeNull();
  });
});

describe('SQLite itself', () => {
  test('is new enough, whichever library was loaded', () => {
    expect(isSafe(sqliteVersion())).toBe(true);
    expect(['3.51.3', '3.51.10', '3.52.0', '4.0.0'].map(isSafe)).toEqual([true, true, true, true]);
    expect(['3.51.2', '3.50.9', '3.45.1', '2.99.99'].map(isSafe)).toEqual([false, false, false, false]);
  });
});

describe('migrations', () => {
  test('their files, their list and the schema version agree', () => {
    const files = readdirSync(join(import.meta.dirname, '../../migrations/sqlite')).sort();

    expect(SQLITE_MIGRATIONS.map(({ name }) => `${name}.sql`)).toEqual(files);
    expect(SQLITE_MIGRATIONS.map(({ version }) => version)).toEqual(files.map((_, at) => at + 1));
    expect(SCHEMA_VERSION).toBe(files.length);
  });

  test('an existing database is copied before it is changed', async () => {
    const store = await openSqliteStore({ directory });
    const { id } = await store.add(aTask('kept'));
    await store.close();
    const next = { version: SCHEMA_VERSION + 1, name: 'test', sql: 'create table extra (x integer) strict' };
    const database = openDatabase(path, { readOnly: false });

    migrate(database, { nowMs: 0, migrations: [...SQLITE_MIGRATIONS, next] });

    expect(database.all('select * from extra')).toEqual([]);
    database.close();
    const [copy = ''] = readdirSync(join(directory, 'backups'));
    expect(modeOf(join(directory, 'backups', copy))).toBe('600');
    const restored = join(directory, 'restored');
    mkdirSync(restored);
    copyFileSync(join(directory, 'backups', copy), join(restored, 'berth.db'));
    await using old = await openSqliteStore({ directory: restored });
    expect((await old.task(id))?.spec.payload).toEqual({ kind: 'line', line: 'kept' });
  });

  test('a migration that fails leaves the database as it was', async () => {
    await (await openSqliteStore({ directory })).close();
    const broken = {
      version: SCHEMA_VERSION + 1,
      name: 'test',
      sql: 'create table extra (x); create nonsense',
    };
    const database = openDatabase(path, { readOnly: false });

    expect(() => migrate(database, { nowMs: 0, migrations: [...SQLITE_MIGRATIONS, broken] })).toThrow(
      /syntax/,
    );

    expect(database.get("select 1 from sqlite_master where name = 'extra'")).toBeUndefined();
    database.close();
    await (await openSqliteStore({ directory })).close();
  });
});

describe('what is stored', () => {
  test('a spec that is not what was sent never runs, and can still be shown', async () => {
    await using store = await openSqliteStore({ directory });
    const { id } = await store.add(aTask('rm -rf build'));
    const { id: other } = await store.add(aTask('other'));
    change(`update tasks set spec = replace(spec, 'build', '/') where id = ${id}`);
    const { id: unreadable } = await store.add(aTask('unreadable'));
    change(`update tasks set spec = '{"pay' where id = ${unreadable}`);
    await startWorker(store, aWorker('w'), 3);

    const claims = await store.claim('w', 3);

    expect(claims.map(({ lease }) => lease.taskId)).toEqual([other]);
    for (const damaged of [id, unreadable]) {
      expect((await store.task(damaged))?.state).toMatchObject({ outcome: { code: 'SPEC_CORRUPT' } });
    }
  });

  test('outcomes and history cannot be edited behind our back', async () => {
    await using store = await openSqliteStore({ directory });
    const { id } = await store.add(aTask());
    await startWorker(store, aWorker('w'), 1);
    const [claim] = await store.claim('w', 1);
    if (claim) await store.finished(claim.lease, { kind: 'lost', cause: 'x' }, null);

    expect(() => change(`update attempts set outcome = 'succeeded' where task_id = ${id}`)).toThrow(
      /never changes/,
    );
    expect(() => change(`update events set kind = 'added' where task_id = ${id}`)).toThrow(/append-only/);
    expect(() => change(`delete from events where task_id = ${id}`)).toThrow(/append-only/);
  });

  test('the queries of the documentation work as written', async () => {
    await using store = await openSqliteStore({ directory });
    await store.putSession({ name: 's', host: 'local', kind: 'tmux', provider: null, worker: null });
    await store.updateSession('s', {
      containerId: 'abc',
      containerImage: 'myapp:latest',
      containerType: 'docker',
      containerPorts: { '8080': '3000' },
    });
    const database = openDatabase(path, { readOnly: true });

    const ask = (sql: string) => database.all(sql).map((row) => ({ ...(row as object) }));
    expect(
      ask('SELECT name, container_id, container_image FROM sessions WHERE container_id IS NOT NULL;'),
    ).toEqual([{ name: 's', container_id: 'abc', container_image: 'myapp:latest' }]);
    expect(ask("SELECT name, container_type FROM sessions WHERE container_image = 'myapp:latest';")).toEqual([
      { name: 's', container_type: 'docker' },
    ]);
    expect(ask('SELECT container_ports, last_context_update FROM sessions')).toMatchObject([
      {
        container_ports: '{"8080":"3000"}',
        last_context_update: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      },
    ]);
    database.close();
    expect(existsSync(path)).toBe(true);
  });
});
