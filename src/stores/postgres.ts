import type { Claim, LeaseNews, Store } from '../core/store.ts';
import { addTask, addTasks } from './adding.ts';
import { adopt } from './adopt.ts';
import { claimAll } from './claims.ts';
import { pages, putRows } from './copy.ts';
import { addRunning } from './foreground.ts';
import { findProblems } from './fsck.ts';
import { GivenClaims } from './given.ts';
import { type AttemptEnd, endAll, noteRun, releaseClaimed, type Start, startAll } from './leases.ts';
import { pause, readGroups, readPauses, resume } from './pauses.ts';
import { parseAddress } from './postgres/address.ts';
import { watchNotices } from './postgres/changes.ts';
import { type Connections, connections } from './postgres/connection.ts';
import { postgresDialect } from './postgres/dialect.ts';
import { serverFacts } from './postgres/facts.ts';
import type { Kind } from './postgres/group-commit.ts';
import { makeCurrent } from './postgres/migrate.ts';
import { POSTGRES_MIGRATIONS } from './postgres/migrations.ts';
import { putSession, readSessions, removeSession, setGroup, updateSession } from './sessions.ts';
import type { Demand } from './takers.ts';
import {
  clearTasks,
  countTasks,
  readEvents,
  readTask,
  readTasks,
  reassignTask,
  requestStop,
  retryTask,
} from './tasks.ts';
import type { StoreParts } from './transitions.ts';
import type { Work } from './work.ts';
import { heartbeat, LEASE_MS, readWorkers, registerWorker, unregisterWorker } from './workers.ts';

export interface PostgresOptions {
  /** See `parseAddress`. */
  readonly url: string;
  /** Added to the database's clock; for tests. */
  readonly aheadMs?: () => number;
  /** Of a worker's lease; for tests. */
  readonly leaseMs?: number;
}

/**
 * The queue in a PostgreSQL database, for any number of processes on any number of hosts.
 *
 * @throws {BerthError} `CONFIG_INVALID`, `TRY_AGAIN` where it does not answer, `SCHEMA_NEWER`, `BAD_DATA`;
 *         nothing is written then
 */
export async function openPostgresStore(options: PostgresOptions): Promise<Store> {
  const { url, aheadMs = () => 0, leaseMs = LEASE_MS } = options;
  const address = parseAddress(url);
  const pool = await connections(address);
  try {
    await makeCurrent(pool, address, POSTGRES_MIGRATIONS);
  } catch (error) {
    await pool.close();
    throw error;
  }
  const dialect = postgresDialect(address.lock);
  const given = new GivenClaims();
  const names = { given, epochs: new Map<string, number>(), steady: new Map<string, number>() };
  const partsAt = (nowMs: number): StoreParts => {
    const now = nowMs + aheadMs();
    return { dialect, leaseMs, ...names, now: () => now };
  };
  const notices = watchNotices(pool, address);
  const told = async <T>(writing: Promise<T>): Promise<T> => {
    const value = await writing;
    // a worker that found nothing to do must not wake itself, and all others
    if (!Array.isArray(value) || value.length > 0) notices.committed();
    return value;
  };
  const write: Write = (work) => told(pool.write((nowMs) => work(partsAt(nowMs))));
  const alone: Write = (work) => told(pool.writeAlone((nowMs) => work(partsAt(nowMs))));
  const starts: Kind<Start, LeaseNews> = {
    together: (items) => (nowMs) => startAll(partsAt(nowMs), items),
  };
  const ends: Kind<AttemptEnd, LeaseNews> = {
    together: (items) => (nowMs) => endAll(partsAt(nowMs), items),
  };
  const claims: Kind<Demand, readonly Claim[]> = {
    together: (demands) => (nowMs) => claimAll(partsAt(nowMs), demands),
  };
  const close = once(async () => {
    await notices.close();
    await pool.close();
  });

  return {
    ...writing(write),
    claim: (worker, limit) => given.receive(worker, () => told(pool.writeAloneAs(claims, { worker, limit }))),
    adopt: (worker, isAlive = () => true) =>
      given.receive(worker, () => alone((parts) => adopt(parts, worker, isAlive))),
    addRunning: (spec, run) => alone((parts) => addRunning(parts, spec, run)),
    registerWorker: (worker, isAlive) => alone((parts) => registerWorker(parts, worker, isAlive)),
    started: (lease, context) => told(pool.writeAs(starts, { lease, context })),
    finished: async (lease, outcome, retryAtMs) => {
      const news = await told(pool.writeAs(ends, { lease, outcome, retryAtMs }));
      given.forget(lease);
      return news;
    },
    release: async (lease, reason) => {
      const news = await write((parts) => releaseClaimed(parts, lease, reason));
      given.forget(lease);
      return news;
    },
    ...reading(pool),
    task: (id) => pool.read(() => readTask(dialect, id)),
    tasks: (filter) => pool.read(() => readTasks(dialect, filter)),
    // nobody waits for these
    heartbeat: (worker) => pool.write((nowMs) => heartbeat(partsAt(nowMs), worker)),
    clear: (endedBeforeMs) => pool.writeLong(() => clearTasks(endedBeforeMs)),
    putRows: (rows, host) => pool.writeLong((nowMs) => putRows(partsAt(nowMs), rows, host)),
    facts: () => serverFacts(pool, address),
    changed: (signal) => notices.next(signal),
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Write = <T>(work: (parts: StoreParts) => Work<T>) => Promise<T>;

function writing(write: Write) {
  return {
    add: (spec) => write((parts) => addTask(parts, spec)),
    addAll: (specs) => write((parts) => addTasks(parts, specs)),
    note: (news) => write((parts) => noteRun(parts, news)),
    requestStop: (taskId, reason, by) => write((parts) => requestStop(parts, { taskId, reason, by })),
    retry: (taskId) => write((parts) => retryTask(parts, taskId)),
    reassign: (taskId, session) => write((parts) => reassignTask(parts, taskId, session)),
    unregisterWorker: (worker) => write((parts) => unregisterWorker(parts, worker)),
    putSession: (session) => write((parts) => putSession(parts, session)),
    removeSession: (name) => write(() => removeSession(name)),
    updateSession: (name, facts, onlyIn) => write((parts) => updateSession(parts, name, { facts, onlyIn })),
    setGroup: (name, maxRunning) => write(() => setGroup(name, maxRunning)),
    pause: (what) => write((parts) => pause(parts, what)),
    resume: (what) => write(() => resume(what)),
  } satisfies Partial<Store>;
}

function reading(pool: Connections) {
  return {
    events: (taskId) => pool.read(() => readEvents(taskId)),
    counts: () => pool.read(() => countTasks()),
    workers: () => pool.read(() => readWorkers()),
    sessions: () => pool.read(() => readSessions()),
    groups: () => pool.read(() => readGroups()),
    pauses: () => pool.read(() => readPauses()),
    problems: () => pool.readLong(() => findProblems()),
    rows: () => pages((work) => pool.readLong(work)),
  } satisfies Partial<Store>;
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => {
    done ??= work();
    return done;
  };
}
