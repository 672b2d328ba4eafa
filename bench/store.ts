// The queue in SQLite: how many tasks it takes and hands out, each on disk before it is acknowledged.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../src/core/store.ts';
import { openSqliteStore } from '../src/stores/sqlite.ts';
import { aTask, aWorker, startWorker } from '../src/testing/store-fixture.ts';
import { median, ms, perSecond, print, timed } from './support/report.ts';

const WORKER = 'bench';
const SLOTS = 10;

await enqueue();
await bulk();
await claimsAndFinishes();

async function enqueue(): Promise<void> {
  await using queue = await open();
  const { store } = queue;
  for (const [callers, goal] of [
    [1, 400],
    [64, 5000],
  ] as const) {
    const count = callers * 300;
    let left = count;
    const caller = async () => {
      while (left-- > 0) await store.add(aTask());
    };
    const cpu = cpuTime();
    const took = await timed(() => Promise.all(Array.from({ length: callers }, caller)));
    const rate = (count / took) * 1000;
    print({
      what: `durable enqueue, ${callers === 1 ? 'one caller' : `${callers} callers`}`,
      ours: perSecond(rate),
      peer: cpu(count),
      goal: `≥ ${perSecond(goal)}`,
      ok: rate >= goal,
    });
  }
}

async function bulk(): Promise<void> {
  await using empty = await open();
  await using full = await open();
  const cpu = cpuTime();
  const took = await timed(() => fill(full.store, 100_000));
  print({
    what: 'bulk enqueue of 100,000',
    ours: ms(took),
    peer: cpu(100_000),
    goal: '≤ 4 s',
    ok: took <= 4000,
  });

  const times = { full: [] as number[], empty: [] as number[] };
  for (let sample = 0; sample < 100; sample++) {
    for (const [name, { store }] of [
      ['full', full],
      ['empty', empty],
    ] as const) {
      if (name === 'empty') await store.add(aTask());
      times[name].push(
        await timed(async () => {
          const [claim] = await store.claim(WORKER, 1);
          if (claim) await store.finished(claim.lease, { kind: 'succeeded' }, null);
        }),
      );
    }
  }
  const [mine, theirs] = [median(times.full), median(times.empty)];
  print({
    what: 'claim and finish one, 100,000 pending',
    ours: ms(mine),
    peer: `one pending ${ms(theirs)}`,
    ratio: mine / theirs,
    goal: '≤ 2 x',
    ok: mine <= theirs * 2,
  });
}

async function claimsAndFinishes(): Promise<void> {
  await using queue = await open();
  const { store } = queue;
  const count = 5000;
  await fill(store, count);
  let done = 0;
  const cpu = cpuTime();
  const took = await timed(async () => {
    while (done < count) {
      const claims = await store.claim(WORKER, SLOTS);
      await Promise.all(claims.map(({ lease }) => store.finished(lease, { kind: 'succeeded' }, null)));
      done += claims.length;
    }
  });
  const rate = (count / took) * 1000;
  print({
    what: `claims and finishes, ${SLOTS} slots`,
    ours: perSecond(rate),
    peer: cpu(count),
    goal: '≥ 1,000/s',
    ok: rate >= 1000,
  });
}

/** What this process computes for each, whatever else the machine does meanwhile. */
function cpuTime(): (count: number) => string {
  const before = process.cpuUsage();
  return (count) => {
    const { user, system } = process.cpuUsage(before);
    return `CPU time ${ms((user + system) / 1000 / count)} each`;
  };
}

async function fill(store: Store, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 10_000) {
    await Promise.all(Array.from({ length: Math.min(left, 10_000) }, () => store.add(aTask())));
  }
}

/** A queue of its own with one worker's idle sessions. */
async function open() {
  const directory = mkdtempSync(join(tmpdir(), 'berth-bench-store-'));
  const store = await openSqliteStore({ directory });
  await startWorker(store, aWorker(WORKER, process.pid), SLOTS);
  return {
    store,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
}
