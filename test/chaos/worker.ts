// One worker of the chaos test, as a process that can be killed and stopped at any instant. Its tasks run in
// this process: what they leave behind is one line when they begin and one when they end. Beside it the process
// notes when it asked for its lease and when it was answered: from then on, until a lease after it asked, nobody may
// give it up.
import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { retryAt } from '../../src/core/backoff.ts';
import type { Claim, Store, WorkerIdentity } from '../../src/core/store.ts';
import type { Outcome } from '../../src/core/task.ts';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { openSqliteStore } from '../../src/stores/sqlite.ts';
import { HERE } from '../../src/testing/store-fixture.ts';
import { LEASE_MS } from './lease.ts';

const [place = '', name = '', traces = '', freezeEvery = '40'] = process.argv.slice(2);
const note = (line: string) => appendFileSync(traces, `${line}\n`);
const SLOTS = 4;
const shared = place.startsWith('postgresql:');
const store: Store = shared
  ? await openPostgresStore({ url: place, leaseMs: LEASE_MS })
  : await openSqliteStore({ directory: place, leaseMs: LEASE_MS });
// two workers on each host
const host = shared ? `host-${Number(name.slice(1)) % 3}` : 'local';
const self: WorkerIdentity = {
  name,
  host,
  pid: process.pid,
  startTime: startTimeOf(process.pid) ?? '',
  bootId: 'boot',
};
const isAlive = (holder: WorkerIdentity) => startTimeOf(holder.pid) === holder.startTime;
let busy = 0;
// nobody is left behind when the test itself is ended
process.stdin.on('end', () => process.exit()).resume();

await persistently(() => store.registerWorker(self, isAlive));
for (let slot = 1; slot <= SLOTS; slot += 1) {
  const session = {
    name: `${name}/slot-${slot}`,
    host,
    kind: 'headless',
    provider: null,
    worker: name,
  } as const;
  await persistently(() => store.putSession(session));
}
for (let beatAtMs = 0; ; ) {
  try {
    if (performance.now() - beatAtMs > LEASE_MS / 4) {
      beatAtMs = performance.now();
      const askedAtMs = Date.now();
      if (!(await store.heartbeat(name)).kept) process.exit(0);
      note(`heard ${name} ${askedAtMs} ${Date.now()}`);
      for (const claim of await store.adopt(name, isAlive))
        await end(claim, { kind: 'lost', cause: 'its worker died' });
    }
    const claims = busy < SLOTS ? await store.claim(name, SLOTS - busy) : [];
    for (const claim of claims) void work(claim);
    if (claims.length === 0) await delay(20);
  } catch {
    await delay(50);
  }
}

async function work(claim: Claim): Promise<void> {
  busy += 1;
  const { taskId, attempt, fence } = claim.lease;
  try {
    // a place has to be found or made before anything starts
    await delay(Math.random() * 150);
    freeze();
    if ((await persistently(() => store.started(claim.lease, HERE))) !== 'kept') return;
    note(`begin ${taskId} ${attempt} ${fence} ${Date.now()}`);
    // a few outlast a lease; one that took over from somebody is still there when he wakes up
    const long = attempt > 1 || Math.random() < 0.1;
    await delay(long ? (0.5 + Math.random()) * LEASE_MS : 20 + Math.random() * 120);
    note(`end ${taskId} ${attempt} ${fence} ${Date.now()}`);
    freeze();
    await end(claim, { kind: 'succeeded' });
  } finally {
    busy -= 1;
  }
}

/** What SIGSTOP does at any time, here and then where it matters: between two steps of a task. */
function freeze(): void {
  if (Math.random() > 1 / Number(freezeEvery)) return;
  // until it was given up, and another one has begun what it had
  const forMs = (2 + 1.5 * Math.random()) * LEASE_MS;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs);
}

async function end({ lease, task }: Claim, outcome: Outcome): Promise<void> {
  const again = retryAt(outcome, 1, task.spec.queue, Date.now());
  await persistently(() => store.finished(lease, outcome, again === null ? null : Date.now()));
}

async function persistently<T>(write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch {
      await delay(50);
    }
  }
}

function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
