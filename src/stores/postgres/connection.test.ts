import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeWith } from '../../../test/support/engines.ts';
import { TestDatabase, Wire } from '../../../test/support/postgres.ts';
import { aTask, aWorker, HERE, SUCCEEDED, startWorker } from '../../testing/store-fixture.ts';
import { openPostgresStore } from '../postgres.ts';
import { get, put, type Work } from '../work.ts';
import { parseAddress } from './address.ts';
import { type Connections, connections } from './connection.ts';

describeWith(['postgres'], 'statements that travel together', () => {
  test('after one that fails, those behind it can be asked again on the same connection', async () => {
    await using database = new TestDatabase();
    await using pool = await open(database);
    await expect(pool.write(() => three('one'))).rejects.toThrow(/invalid input syntax/);

    const second = await pool.write(() => three('1'));

    expect(second).toEqual(await pool.write(() => three('1')));
    // one connection did all of it
    expect(second?.here).toBe((await pool.write(() => three('1')))?.here);
  });

  test('nothing of them is kept when the last one fails', async () => {
    await using database = new TestDatabase();
    await using pool = await open(database);
    await database.query(`create schema "${database.schema}"; create table given (value int)`);

    await expect(
      pool.write(function* () {
        yield* put('insert into given values (1)');
        yield* put(`insert into given values (cast(:text as int))`, { text: 'one' });
      }),
    ).rejects.toThrow(/invalid input syntax/);

    expect((await database.query('select * from given')).rows).toEqual([]);
  });

  test('through a pooler each transaction brings its settings along', async () => {
    await using database = new TestDatabase();
    await using pool = await open(database, '&listen=off');

    const row = await pool.read(() => get<{ path: string }>(`select current_setting('search_path') as path`));

    expect(row?.path).toBe(database.schema);
  });
});

describeWith(['postgres'], 'ends that share a statement', () => {
  test('each is written once, wherever the connection was lost, when the calls are repeated', async () => {
    await using database = new TestDatabase();
    await using wire = await Wire.to(database.url);
    await using store = await openPostgresStore({ url: wire.url });
    await startWorker(store, aWorker('w'), 8);
    for (let turnsLater = 0; turnsLater < 12; turnsLater += 1) {
      await store.addAll(Array.from({ length: 8 }, () => aTask()));
      const leases = (await store.claim('w', 8)).map(({ lease }) => lease);
      await Promise.all(leases.map((lease) => store.started(lease, HERE)));

      const ends = leases.map((lease) => repeated(() => store.finished(lease, SUCCEEDED, null)));
      for (let turn = 0; turn < turnsLater; turn += 1) await setImmediate();
      wire.cut('reset');
      wire.mend();

      expect(await Promise.all(ends)).toEqual(leases.map(() => 'kept'));
    }
    const { rows } = await database.query(
      `select count(*)::int as events, count(distinct task_id)::int as tasks from events where kind = 'finished'`,
    );
    expect(rows).toEqual([{ events: 96, tasks: 96 }]);
    expect(await store.problems()).toEqual([]);
  }, 120_000);
});

describeWith(['postgres'], 'a queue that has just been made', () => {
  test('what waits is not read again when a task ends', async () => {
    await using database = new TestDatabase();
    const store = await openPostgresStore({ url: database.url });
    await startWorker(store, aWorker('w'), 2);
    // with plans that were made while there was nothing
    for (const many of [2, 1500]) {
      await store.addAll(Array.from({ length: many }, () => aTask()));
      for (const { lease } of await store.claim('w', 2)) {
        await store.started(lease, HERE);
        await store.finished(lease, SUCCEEDED, null);
      }
    }

    // a connection tells its statistics when it ends, at the latest
    await store.close();
    await expect.poll(async () => await changed(database), { timeout: 60_000 }).toBe(12);
    expect(await readRows(database)).toBeLessThan(500);
  }, 120_000);
});

async function open(database: TestDatabase, settings = ''): Promise<Connections & AsyncDisposable> {
  const pool = await connections(parseAddress(`${database.url}${settings}`));
  return { ...pool, [Symbol.asyncDispose]: () => pool.close() };
}

async function repeated<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      expect(error).toMatchObject({ code: 'TRY_AGAIN' });
    }
  }
}

function* three(text: string): Work<{ here: number } | undefined> {
  yield* put('select 1 as first');
  yield* put('select cast(:text as int) as second', { text });
  return yield* get<{ here: number }>('select pg_backend_pid() as here');
}

async function changed(database: TestDatabase): Promise<number> {
  const { rows } = await database.query(
    `select n_tup_upd as changed from pg_stat_user_tables where schemaname = '${database.schema}' and relname = 'tasks'`,
  );
  return Number(rows[0]?.changed);
}

/** Of tasks, by other indexes than their ids: those are read for each event as well. */
async function readRows(database: TestDatabase): Promise<number> {
  const { rows } = await database.query(
    `select sum(idx_tup_read) as read from pg_stat_user_indexes
     where schemaname = '${database.schema}' and relname = 'tasks'
       and indexrelname <> 'tasks_pkey'`,
  );
  return Number(rows[0]?.read);
}
