import { BerthError } from '../core/errors.ts';
import type { Heartbeat, WorkerIdentity, WorkerRow } from '../core/store.ts';
import type { StopReason } from '../core/task.ts';
import type { StoreParts } from './transitions.ts';
import { all, get, put, run, type Work } from './work.ts';

/** A lease is renewed every 5 s. Tests take a shorter one. */
export const LEASE_MS = 30_000;

/** A row of `workers`. */
export interface HolderRow {
  readonly name: string;
  readonly kind: 'worker' | 'foreground';
  readonly epoch: number;
  readonly host: string;
  readonly pid: number;
  readonly start_time: string;
  readonly boot_id: string;
  readonly started_at_ms: number;
  readonly seen_at_ms: number;
  readonly lease_until_ms: number;
  readonly stopped_at_ms: number | null;
}

export function* registerWorker(
  parts: StoreParts,
  worker: WorkerIdentity,
  isAlive: (holder: WorkerIdentity) => boolean,
): Work<void> {
  yield* parts.dialect.alone();
  const holder = yield* get<HolderRow>('select * from workers where name = :name', {
    name: worker.name,
  });
  if (holder && holder.host !== worker.host) yield* refuseForeign(parts, holder, worker);
  const taken =
    holder && holder.stopped_at_ms === null && !isSame(holder, worker) && isAlive(identityOf(holder));
  if (taken && holder.host === worker.host) {
    throw new BerthError(`Worker "${worker.name}" is running already, as process ${holder.pid}.`, {
      code: 'WORKER_RUNNING',
      hint: `See \`berth status\`, stop it with \`berth down\`, or give this one another name.`,
    });
  }
  yield* takeName(parts, worker, 'worker');
}

/** What another host's worker runs can only be taken over there. */
function* refuseForeign(parts: StoreParts, holder: HolderRow, worker: WorkerIdentity): Work<void> {
  const held = yield* get(`select 1 from tasks where worker = :name and state in ('assigned', 'running')`, {
    name: holder.name,
  });
  const gone = holder.stopped_at_ms !== null || holder.lease_until_ms < parts.now();
  if (gone && held === undefined) return;
  throw new BerthError(
    `Worker "${worker.name}" belongs to host ${holder.host}; this one is ${worker.host}.`,
    {
      code: 'WORKER_RUNNING',
      hint: 'Give each host a worker of another name: `berth up --name NAME`.',
    },
  );
}

function isSame(holder: HolderRow, worker: WorkerIdentity): boolean {
  return (
    holder.pid === worker.pid && holder.start_time === worker.startTime && holder.boot_id === worker.bootId
  );
}

export function identityOf(row: HolderRow): WorkerIdentity {
  return { name: row.name, host: row.host, pid: row.pid, startTime: row.start_time, bootId: row.boot_id };
}

/** @returns the epoch: what this process takes can be told from what an earlier one of the same name took */
export function* takeName(parts: StoreParts, worker: WorkerIdentity, kind: HolderRow['kind']): Work<number> {
  const nowMs = parts.now();
  const row = yield* get<{ epoch: number }>(
    `insert into workers (name, kind, epoch, host, pid, start_time, boot_id, started_at_ms, seen_at_ms, lease_until_ms)
     values (:name, :kind, 1, :host, :pid, :startTime, :bootId, :nowMs, :nowMs, :untilMs)
     on conflict (name) do update set kind = excluded.kind, epoch = workers.epoch + 1, host = excluded.host,
       pid = excluded.pid, start_time = excluded.start_time, boot_id = excluded.boot_id,
       started_at_ms = excluded.started_at_ms, seen_at_ms = excluded.seen_at_ms,
       lease_until_ms = excluded.lease_until_ms, stopped_at_ms = null
     returning epoch`,
    { ...worker, kind, nowMs, untilMs: nowMs + parts.leaseMs },
  );
  const epoch = row?.epoch ?? 1;
  parts.epochs.set(worker.name, epoch);
  parts.steady.set(worker.name, nowMs);
  return epoch;
}

/**
 * The epoch under which this handle holds a worker name; null once another process has taken it.
 *
 * @throws {BerthError} `INTERNAL` when this handle never registered the name
 */
export function* epochOf(parts: StoreParts, name: string): Work<number | null> {
  return (yield* holdingsOf(parts, [name])).get(name)?.epoch ?? null;
}

/** A worker name in the hands of this process. */
export interface Holding {
  readonly epoch: number;
  readonly host: string;
}

/** The same of several; names that another process has taken are left out. */
export function* holdingsOf(
  { epochs, dialect }: StoreParts,
  names: readonly string[],
): Work<ReadonlyMap<string, Holding>> {
  const unknown = names.find((name) => !epochs.has(name));
  if (unknown !== undefined) {
    throw new BerthError(`Worker "${unknown}" claims before it is registered.`, {
      code: 'INTERNAL',
      hint: 'This is a fault of berth: report it with the command that you ran.',
    });
  }
  const rows = yield* all<Holding & { name: string }>(
    `select name, epoch, host from workers where ${dialect.isIn('name', 'names', 'text')} and stopped_at_ms is null`,
    { names: JSON.stringify(names) },
  );
  const held = rows.filter(({ name, epoch }) => epochs.get(name) === epoch);
  return new Map(held.map((row) => [row.name, row]));
}

export function* heartbeat(parts: StoreParts, worker: string): Work<Heartbeat> {
  const nowMs = parts.now();
  const before = yield* get<{ lease_until_ms: number }>(
    'select lease_until_ms from workers where name = :worker',
    { worker },
  );
  if ((before?.lease_until_ms ?? 0) < nowMs) parts.steady.set(worker, nowMs);
  const kept = yield* run(
    `update workers set seen_at_ms = :nowMs, lease_until_ms = :untilMs
     where name = :worker and epoch = :epoch and stopped_at_ms is null`,
    { worker, epoch: parts.epochs.get(worker) ?? 0, nowMs, untilMs: nowMs + parts.leaseMs },
  );
  if (kept === 0) return { kept: false, stops: [] };
  // another host may have given us up
  yield* put(
    `update sessions set status = 'idle'
     where worker = :worker and status = 'unknown' and kind = 'headless' and current_task_id is null`,
    { worker },
  );
  const stops = yield* all<{ taskId: number; reason: StopReason }>(
    `select id as "taskId", stop_requested as reason from tasks
     where worker = :worker and state in ('assigned', 'running') and stop_requested is not null order by id`,
    { worker },
  );
  return { kept: true, stops: stops.map(({ taskId, reason }) => ({ taskId, reason })) };
}

/** What it still holds stays, for the next process of this name. */
export function* unregisterWorker({ now, epochs }: StoreParts, worker: string): Work<void> {
  yield* put('update workers set stopped_at_ms = :nowMs where name = :worker and epoch = :epoch', {
    nowMs: now(),
    worker,
    epoch: epochs.get(worker) ?? 0,
  });
  epochs.delete(worker);
}

export function* readWorkers(): Work<readonly WorkerRow[]> {
  const rows = yield* all<HolderRow & { slots: number }>(
    `select *, (select count(*) from sessions
       where sessions.worker = workers.name and worker_epoch = epoch and sessions.kind = 'headless') as slots
     from workers where kind = 'worker' and stopped_at_ms is null order by name`,
  );
  return rows.map((row) => ({
    ...identityOf(row),
    startedAtMs: row.started_at_ms,
    leaseUntilMs: row.lease_until_ms,
    slots: row.slots,
  }));
}
