import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../src/core/store.ts';
import { openPostgresStore } from '../src/stores/postgres.ts';
import { openSqliteStore } from '../src/stores/sqlite.ts';
import { aTask, aWorker, HERE, SUCCEEDED, startWorker } from '../src/testing/store-fixture.ts';

// The queue alone: nothing is started. Peers run on the same PostgreSQL, one after the other, with 16 jobs at a time.

const JOBS = Number(process.env.BENCH_JOBS ?? 3000);
const AT_A_TIME = 16;
const url = process.env.BERTH_TEST_POSTGRES_URL;
/** From the project: the peers are not made to be bundled. */
const require = createRequire(join(process.cwd(), 'package.json'));

const schemas: string[] = [];
const folder = mkdtempSync(join(tmpdir(), 'berth-bench-queue-'));
try {
  await enqueueing();
  await claiming();
  await draining();
} finally {
  rmSync(folder, { recursive: true });
}
if (url) await dropSchemas();
else print('PostgreSQL', 'was not measured: set BERTH_TEST_POSTGRES_URL (test/engines/up postgres)');

async function enqueueing(): Promise<void> {
  await withSqlite(async (store) => {
    const one = await perSecond(500, async () => {
      for (let count = 0; count < 500; count += 1) await store.add(aTask());
    });
    print('SQLite, durable enqueue, one caller', `${one}/s (goal 400/s)`);
    const many = await perSecond(20_000, () => inParallel(64, 20_000, () => store.add(aTask())));
    print('SQLite, durable enqueue, 64 callers', `${many}/s (goal 5000/s)`);
  });
  await withSqlite(async (store) => {
    const bulk = Array.from({ length: 100_000 }, () => aTask());
    const ms = await duration(() => store.addAll(bulk));
    print('SQLite, 100,000 in one transaction', `${(ms / 1000).toFixed(1)} s (goal 4 s)`);
  });
}

async function claiming(): Promise<void> {
  await withSqlite(async (store) => {
    await startWorker(store, aWorker('w'), AT_A_TIME);
    const empty = await claims(store);
    await store.addAll(Array.from({ length: 100_000 }, () => aTask('x', { target: 'nowhere' })));
    await store.addAll(Array.from({ length: 1000 }, () => aTask()));
    const full = await claims(store);
    print(
      'SQLite, claim and finish',
      `${empty.toFixed(2)} ms; with 100,000 pending ${full.toFixed(2)} ms (goal 2 x)`,
    );
  });
}

/** Median milliseconds of claiming one task and writing its outcome. */
async function claims(store: Store): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 200; count += 1) {
    await store.add(aTask('x', { priority: 9 }));
    times.push(await duration(() => oneRound(store, 'w', 1)));
  }
  return times.sort((a, b) => a - b)[100] ?? 0;
}

async function draining(): Promise<void> {
  const sqlite = await withSqlite((store) => drain(store, ['w']));
  print(`SQLite, ${JOBS} no-op tasks, claim to finish`, `${sqlite}/s (goal 1000/s)`);
  if (!url) return;
  const workers = Array.from({ length: AT_A_TIME }, (_, at) => `w${at}`);
  const ways: readonly (readonly [string, number])[] = [
    ['one worker with 16 slots', await withPostgres((store) => drain(store, ['w']))],
    ['16 workers with one slot', await withPostgres((store) => drain(store, workers))],
  ];
  const peers: readonly (readonly [string, number])[] = [
    ['graphile-worker, concurrency 16', await drainGraphile()],
    ['pg-boss, 16 loops of fetch and complete', await drainBoss()],
  ];
  for (const [peer, theirs] of peers) print(`  ${peer}`, `${theirs}/s`);
  for (const [way, ours] of ways) {
    const ratios = peers.map(([, theirs]) => (ours / theirs).toFixed(2));
    print(
      `PostgreSQL, ${way}`,
      `${ours}/s (goal 2000/s); ${ratios.join(' and ')} x these (goal more than 1)`,
    );
  }
}

/** Preloaded, until the last outcome is stored. */
async function drain(store: Store, workers: readonly string[]): Promise<number> {
  await store.addAll(Array.from({ length: JOBS }, () => aTask()));
  const slots = AT_A_TIME / workers.length;
  for (const [at, name] of workers.entries()) await startWorker(store, aWorker(name, at + 1), slots);
  return perSecond(JOBS, () => Promise.all(workers.map((name) => drainAs(store, name, slots))));
}

/** As a worker does: what is free is claimed as soon as something ends. */
async function drainAs(store: Store, name: string, slots: number): Promise<void> {
  const running = new Set<Promise<void>>();
  for (;;) {
    const claimed = running.size < slots ? await store.claim(name, slots - running.size) : [];
    if (claimed.length === 0 && running.size === 0) return;
    for (const { lease } of claimed) {
      const task = (async () => {
        await store.started(lease, HERE);
        await store.finished(lease, SUCCEEDED, null);
      })();
      running.add(task);
      void task.then(() => running.delete(task));
    }
    if (running.size > 0) await Promise.race(running);
  }
}

async function oneRound(store: Store, name: string, count: number): Promise<void> {
  const claimed = await store.claim(name, count);
  await Promise.all(
    claimed.map(async ({ lease }) => {
      await store.started(lease, HERE);
      await store.finished(lease, SUCCEEDED, null);
    }),
  );
}

async function drainGraphile(): Promise<number> {
  const { runMigrations, makeWorkerUtils, run } = require('graphile-worker');
  const schema = schemaName();
  const options = { connectionString: url, schema, noPreparedStatements: false, logger: silentLogger() };
  await runMigrations(options);
  const utils = await makeWorkerUtils(options);
  await utils.addJobs(Array.from({ length: JOBS }, (_, at) => ({ identifier: 'noop', payload: { at } })));
  await utils.release();
  let left = JOBS;
  return perSecond(JOBS, async () => {
    const runner = await run({
      ...options,
      concurrency: AT_A_TIME,
      noHandleSignals: true,
      pollInterval: 100,
      taskList: {
        noop: async () => {
          left -= 1;
        },
      },
    });
    while (left > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await runner.stop();
  });
}

async function drainBoss(): Promise<number> {
  const PgBoss = require('pg-boss');
  const boss = new PgBoss({ connectionString: url, schema: schemaName(), supervise: false, max: AT_A_TIME });
  boss.on('error', () => {});
  await boss.start();
  await boss.createQueue('noop');
  await boss.insert(Array.from({ length: JOBS }, (_, at) => ({ name: 'noop', data: { at } })));
  const rate = await perSecond(JOBS, () =>
    Promise.all(
      Array.from({ length: AT_A_TIME }, async () => {
        for (;;) {
          const [job] = await boss.fetch('noop');
          if (!job) return;
          await boss.complete('noop', job.id);
        }
      }),
    ),
  );
  await boss.stop({ graceful: false });
  return rate;
}

function silentLogger(): unknown {
  const { Logger } = require('graphile-worker');
  return new Logger(() => () => {});
}

async function withSqlite<T>(use: (store: Store) => Promise<T>): Promise<T> {
  await using store = await openSqliteStore({ directory: mkdtempSync(join(folder, 'sqlite-')) });
  return await use(store);
}

function schemaName(): string {
  const schema = `bench_${randomBytes(5).toString('hex')}`;
  schemas.push(schema);
  return schema;
}

async function withPostgres<T>(use: (store: Store) => Promise<T>): Promise<T> {
  await using store = await openPostgresStore({ url: `${url}?schema=${schemaName()}` });
  return await use(store);
}

async function dropSchemas(): Promise<void> {
  const pg = require('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('set client_min_messages to warning');
  for (const schema of schemas) await client.query(`drop schema if exists "${schema}" cascade`);
  await client.end();
}

async function inParallel(width: number, count: number, call: () => Promise<unknown>): Promise<void> {
  let left = count;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  };
  await Promise.all(Array.from({ length: width }, one));
}

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  return Math.round((count / (await duration(work))) * 1000);
}

async function duration(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(46)} ${value}\n`);
}
