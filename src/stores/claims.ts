import type { ResolvedContext } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import { lanesOf, match } from '../core/match.ts';
import type { Session } from '../core/session.ts';
import type { Claim, LeaseNews } from '../core/store.ts';
import type { Lease, Outcome } from '../core/task.ts';
import type { Database } from './driver.ts';
import { type AttemptRow, attemptOf, leaseOf, type TaskRow, taskOf } from './rows.ts';
import { contextColumns, contextOfAttempt, type SessionColumns, sessionOf } from './session-rows.ts';
import { sha256 } from './spec-text.ts';
import {
  assignments,
  finish,
  heldRow,
  move,
  retryLater,
  type StoreParts,
  taskRow,
  unassign,
} from './transitions.ts';
import { epochOf } from './workers.ts';

/** Who takes a task, and where it will run. */
interface Taker {
  readonly worker: string;
  readonly epoch: number;
  readonly session: string;
}

/**
 * The match: idle sessions of one worker with the oldest tasks of the highest priority that fit them.
 * Only the lanes of these sessions are read, each as far as its sessions reach, so that the cost does
 * not depend on how much else is pending.
 */
export function claimTasks(parts: StoreParts, worker: string, limit: number): readonly Claim[] {
  const epoch = epochOf(parts, worker);
  if (epoch === null) return [];
  makeDue(parts);
  let idle = idleSessions(parts.database, worker, epoch);
  const claims: Claim[] = [];
  const readers = [...new Set(idle.flatMap(lanesOf))].map((lane) => laneReader(parts.database, lane));
  while (claims.length < limit && idle.length > 0) {
    const wanted = Math.min(idle.length, limit - claims.length);
    const rows = readers.flatMap((read) => read(wanted)).sort(byPriorityThenAge);
    if (rows.length === 0) break;
    const intact = rows.filter((row) => isIntact(parts, row));
    const byId = new Map(intact.map((row) => [row.id, row]));
    const candidates = intact.map((row) => taskOf(row, []));
    const taken = new Set<string>();
    for (const { task, session } of match(candidates, idle).slice(0, wanted)) {
      const row = byId.get(task.id);
      if (!row || !hasRoom(parts.database, row.group_name)) continue;
      claims.push(assign(parts, row, { worker, epoch, session: session.name }));
      taken.add(session.name);
    }
    idle = idle.filter((session) => !taken.has(session.name));
  }
  return claims;
}

/** Delayed tasks whose time has come. */
function makeDue({ database, now }: StoreParts): void {
  database.run(
    `update tasks set ready = 1 where state = 'pending' and ready = 0 and waiting_for = 0 and run_at_ms <= :nowMs`,
    { nowMs: now() },
  );
}

/** Its own slots, and terminal sessions of its host that belong to no worker. */
function idleSessions(database: Database, worker: string, epoch: number): readonly Session[] {
  return database
    .all<SessionColumns>(
      `select * from sessions where status = 'idle' and (
         (worker = :worker and worker_epoch = :epoch)
         or (worker is null and kind = 'tmux' and host = (select host from workers where name = :worker)))`,
      { worker, epoch },
    )
    .map(sessionOf);
}

/** Reads a lane from its head, `count` tasks at a time; groups that are full are passed over. */
function laneReader(database: Database, lane: string): (count: number) => readonly TaskRow[] {
  let after: { priority: number; id: number } | null = { priority: 11, id: 0 };
  return (count) => {
    if (after === null) return [];
    const rows = database.all<TaskRow>(
      `select * from tasks where lane = :lane and state = 'pending' and ready = 1
         and (priority < :priority or (priority = :priority and id > :id))
         and (group_name is null or group_name not in (
           select name from groups where max_running <= (
             select count(*) from tasks as held where held.group_name = groups.name and held.state in ('assigned', 'running'))))
       order by priority desc, id limit :count`,
      { lane, ...after, count },
    );
    const last = rows.at(-1);
    after = last && rows.length === count ? { priority: last.priority, id: last.id } : null;
    return rows;
  };
}

function byPriorityThenAge(a: TaskRow, b: TaskRow): number {
  return b.priority - a.priority || a.id - b.id;
}

/** Counted again for each task, because those before it in the same match count too. */
function hasRoom(database: Database, group: string | null): boolean {
  if (group === null) return true;
  const full = database.get(
    `select 1 from groups where name = :group and max_running <= (
       select count(*) from tasks where group_name = :group and state in ('assigned', 'running'))`,
    { group },
  );
  return full === undefined;
}

/** A spec that is not what was sent never runs. */
function isIntact(parts: StoreParts, row: TaskRow): boolean {
  if (sha256(row.spec) === row.spec_hash) return true;
  finish(parts, row, {
    kind: 'not_started',
    code: 'SPEC_CORRUPT',
    message: `The stored task ${row.id} is not the one that was sent: its hash differs.`,
    hint: 'Send it again, and check the disk and the memory of this machine.',
  });
  return false;
}

export function assign(parts: StoreParts, row: TaskRow, taker: Taker): Claim {
  const { database } = parts;
  const atMs = parts.now();
  const attempt = row.attempt + 1;
  const fence = row.fence + 1;
  const { worker, session } = taker;
  move(database, row, {
    transition: 'assigned',
    worker,
    reason: `session ${session}`,
    atMs,
    set: { worker, worker_epoch: taker.epoch, session, attempt, fence, assigned_at_ms: atMs },
  });
  database.run(
    `insert into attempts (task_id, number, fence, worker, host, session, run_directory, assigned_at_ms)
     values (:id, :attempt, :fence, :worker, :host, :session, :runDirectory, :atMs)`,
    {
      id: row.id,
      attempt,
      fence,
      worker,
      host: row.host,
      session,
      runDirectory: `${row.id}-${attempt}`,
      atMs,
    },
  );
  occupy(database, session, row.id, atMs);
  return claimOf(database, row.id);
}

function occupy(database: Database, session: string, id: number, atMs: number): void {
  const changed = database.run(
    `update sessions set status = 'busy', current_task_id = :id, last_activity = :at
     where name = :session and status = 'idle' and current_task_id is null`,
    { session, id, at: new Date(atMs).toISOString() },
  );
  if (changed === 1) return;
  throw new BerthError(`Session ${session} was taken while task ${id} was matched with it.`, {
    code: 'TRY_AGAIN',
    hint: 'Try again; nothing was changed.',
  });
}

/** The claim that a task's row describes. */
export function claimOf(database: Database, id: number): Claim {
  const row = taskRow(database, id);
  const attempts = database.all<AttemptRow>('select * from attempts where task_id = :id order by number', {
    id,
  });
  const last = attempts.at(-1);
  if (!row || !last) throw new Error(`task ${id} has no attempt`);
  return { lease: leaseOf(row), task: taskOf(row, attempts), attempt: attemptOf(last) };
}

export function startClaimed(parts: StoreParts, lease: Lease, context: ResolvedContext): LeaseNews {
  const row = heldRow(parts.database, lease);
  if (!row) return 'lost';
  if (row.state === 'assigned') {
    if (row.stop_requested !== null) return 'stop_requested';
    start(parts, row);
  }
  recordContext(parts, row, context);
  return row.stop_requested === null ? 'kept' : 'stop_requested';
}

export function start(parts: StoreParts, row: TaskRow): void {
  const atMs = parts.now();
  move(parts.database, row, {
    transition: 'started',
    worker: row.worker,
    reason: null,
    atMs,
    set: { started_at_ms: atMs, worker_deaths: 0 },
  });
  parts.database.run('update attempts set started_at_ms = :atMs where task_id = :id and number = :attempt', {
    atMs,
    id: row.id,
    attempt: row.attempt,
  });
}

function recordContext({ database, now }: StoreParts, row: TaskRow, context: ResolvedContext): void {
  database.run('update attempts set context = :context where task_id = :id and number = :attempt', {
    context: JSON.stringify(context),
    id: row.id,
    attempt: row.attempt,
  });
  const at = new Date(now()).toISOString();
  const columns = {
    ...contextColumns(contextOfAttempt(context)),
    last_activity: at,
    last_context_update: at,
  };
  database.run(
    `update sessions set ${assignments(columns)} where name = :where_name and current_task_id = :where_id`,
    {
      ...columns,
      where_name: row.session,
      where_id: row.id,
    },
  );
}

/** A stop that was asked for ends the retries. */
export function finishClaimed(
  parts: StoreParts,
  lease: Lease,
  end: { readonly outcome: Outcome; readonly retryAtMs: number | null },
): LeaseNews {
  const row = heldRow(parts.database, lease);
  if (!row) return 'lost';
  const { outcome, retryAtMs } = end;
  if (retryAtMs === null || row.stop_requested !== null) finish(parts, row, outcome);
  else retryLater(parts, row, { outcome, retryAtMs });
  parts.database.run(
    `update workers set stopped_at_ms = :nowMs where name = :worker and epoch = :epoch and kind = 'foreground'`,
    { nowMs: parts.now(), worker: row.worker, epoch: row.worker_epoch },
  );
  return 'kept';
}

export function releaseClaimed(parts: StoreParts, lease: Lease, reason: string): LeaseNews {
  const row = heldRow(parts.database, lease);
  if (row?.state !== 'assigned') return 'lost';
  unassign(parts, row, { transition: 'released', reason, workerDeaths: row.worker_deaths });
  return 'kept';
}
