import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Claim, LeaseNews, Store } from '../core/store.ts';
import type { Outcome, Task, TaskEvent } from '../core/task.ts';
import {
  aTask,
  aWorker,
  dead,
  FAILED,
  HERE,
  type StoreFixture,
  SUCCEEDED,
  startWorker,
} from './store-fixture.ts';

/** Whatever the order of calls, and whoever dies in between. */
export function invariants(create: () => Promise<StoreFixture>): void {
  test('any sequence of operations keeps the rules of the queue', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40 }), async (operations) => {
        const fixture = await create();
        const world = await startWorld(fixture.open);
        for (const { kind, pick } of operations) {
          await OPERATIONS[kind](world, pick);
          await check(world);
        }
        expect(await world.store.problems()).toEqual([]);
        await fixture.dispose();
      }),
      { numRuns: Number(process.env.BERTH_TEST_RUNS ?? 25) },
    );
  });
}

interface World {
  store: Store;
  pid: number;
  readonly open: () => Promise<Store>;
  /** Claims this test was ever given; most of them are stale. */
  readonly claims: Claim[];
  /** Outcomes that were seen, by task and attempt. */
  readonly seen: Map<string, Outcome>;
  /** Acknowledged tasks. */
  readonly ids: number[];
}

async function startWorld(open: () => Promise<Store>): Promise<World> {
  const world = { store: await open(), pid: 1, open, claims: [], seen: new Map(), ids: [] };
  await startWorker(world.store, aWorker('w', world.pid), 3);
  return world;
}

type Operation = (world: World, pick: number) => Promise<unknown>;

const OPERATIONS = {
  async send({ store, ids }, pick) {
    const after = pick % 3 === 0 ? ids.slice(-1) : [];
    ids.push((await store.add(aTask('x', { priority: pick % 11, after }))).id);
  },
  async claim({ store, claims }, pick) {
    claims.push(...(await store.claim('w', 1 + (pick % 3))));
  },
  start: (world, pick) => withClaim(world, pick, ({ lease }) => world.store.started(lease, HERE)),
  succeed: (world, pick) =>
    withClaim(world, pick, ({ lease }) => world.store.finished(lease, SUCCEEDED, null)),
  fail: (world, pick) => withClaim(world, pick, ({ lease }) => world.store.finished(lease, FAILED, null)),
  tryAgain: (world, pick) => withClaim(world, pick, ({ lease }) => world.store.finished(lease, FAILED, 0)),
  release: (world, pick) => withClaim(world, pick, ({ lease }) => world.store.release(lease, 'test')),
  stop: ({ store, ids }, pick) => withId(ids, pick, (id) => store.requestStop(id, 'cancelled', 'test')),
  retry: ({ store, ids }, pick) => withId(ids, pick, (id) => store.retry(id).catch(() => null)),
  async die(world) {
    world.pid += 1;
    world.store = await world.open();
    await startWorker(world.store, aWorker('w', world.pid), 3);
    world.claims.push(...(await world.store.adopt('w', dead)));
  },
} satisfies Record<string, Operation>;

const operation = fc.record({
  kind: fc.constantFrom(...(Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[])),
  pick: fc.nat(1000),
});

/** A write that presents a lease which is not the current one says so, and changes nothing. */
async function withClaim(
  { store, claims }: World,
  pick: number,
  write: (claim: Claim) => Promise<LeaseNews>,
) {
  const claim = claims.at(-1 - (pick % Math.max(claims.length, 1)));
  if (!claim) return;
  const before = await store.task(claim.task.id);
  const news = await write(claim);
  const isCurrent = before && 'lease' in before.state && before.state.lease.fence === claim.lease.fence;
  if (isCurrent) return;
  // to say the same outcome once more is no fault: the first answer may have been lost
  const said = before?.attempts.some(({ fence, outcome }) => fence === claim.lease.fence && outcome !== null);
  expect(said ? ['lost', 'kept'] : ['lost']).toContain(news);
  expect(await store.task(claim.task.id)).toEqual(before);
}

async function withId(ids: readonly number[], pick: number, use: (id: number) => Promise<unknown>) {
  const id = ids[pick % Math.max(ids.length, 1)];
  if (id !== undefined) await use(id);
}

async function check({ store, ids, seen }: World): Promise<void> {
  const tasks = await store.tasks({ limit: 1000, ids });
  expect(tasks).toHaveLength(ids.length);
  for (const task of tasks) {
    checkAttempts(task);
    checkHistory(task, await store.events(task.id));
    checkFinal(task, seen);
  }
  const held = tasks.flatMap(({ state }) => ('lease' in state ? [state.lease] : []));
  const busy = (await store.sessions()).filter((session) => session.currentTaskId !== null);
  expect(busy.map(({ name, currentTaskId }) => [name, currentTaskId]).sort()).toEqual(
    held.map(({ session, taskId }) => [session, taskId]).sort(),
  );
  const counts = await store.counts();
  expect(counts.assigned + counts.running).toBe(held.length);
  expect(counts.pending + counts.finished + held.length).toBeGreaterThanOrEqual(tasks.length);
}

function checkAttempts({ state, attempts }: Task): void {
  expect(attempts.map(({ number }) => number)).toEqual(attempts.map((_, at) => at + 1));
  const open = attempts.filter(({ outcome }) => outcome === null);
  expect(open).toHaveLength('lease' in state ? 1 : 0);
  if ('lease' in state)
    expect(attempts.at(-1)).toMatchObject({ number: state.lease.attempt, fence: state.lease.fence });
}

const STATE_AFTER: Readonly<Record<string, Task['state']['name']>> = {
  added: 'pending',
  assigned: 'assigned',
  started: 'running',
  adopted: 'running',
  released: 'pending',
  returned: 'pending',
  retrying: 'pending',
  finished: 'finished',
  retried: 'pending',
};

function checkHistory({ state }: Task, events: readonly TaskEvent[]): void {
  const last = events.findLast(({ kind }) => kind in STATE_AFTER);
  expect(STATE_AFTER[last?.kind ?? '']).toBe(state.name);
}

/** The outcome of an attempt is written once. */
function checkFinal({ id, attempts }: Task, seen: Map<string, Outcome>): void {
  for (const { number, outcome } of attempts) {
    if (outcome === null) continue;
    expect(seen.get(`${id}-${number}`) ?? outcome).toEqual(outcome);
    seen.set(`${id}-${number}`, outcome);
  }
}
