import type { ResolvedContext } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import { lanesOf, match } from '../core/match.ts';
import type { Session } from '../core/session.ts';
import type { Claim, LeaseNews } from '../core/store.ts';
import type { Lease, Outcome } from '../core/task.ts';
import {
  type AttemptRow,
  attemptOf,
  leaseOf,
  NO_OUTCOME,
  type OutcomeColumns,
  outcomeColumns,
  type TaskRow,
  taskOf,
} from './rows.ts';
import { contextColumns, contextOfAttempt, type SessionColumns, sessionOf } from './session-rows.ts';
import { sha256 } from './spec-text.ts';
import {
  assignments,
  finish,
  heldRow,
  move,
  note,
  reasonOf,
  retryLater,
  type StoreParts,
  unassign,
} from './transitions.ts';
import { all, get, put, run, type Work } from './work.ts';
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
export function* claimTasks(parts: StoreParts, worker: string, limit: number): Work<readonly Claim[]> {
  yield* parts.dialect.alone();
  const epoch = yield* epochOf(parts, worker);
  if (epoch === null) return [];
  const unheard = yield* unheardClaims(parts, worker, epoch);
  if (unheard.length > 0 || (yield* isQueuePaused())) return unheard;
  yield* makeDue(parts);
  let idle = yield* idleSessions(parts, worker, epoch);
  const claims: Claim[] = [];
  const readers = [...new Set(idle.flatMap(lanesOf))].map((lane) => laneReader(parts, lane));
  while (claims.length < limit && idle.length > 0) {
    const wanted = Math.min(idle.length, limit - claims.length);
    const rows: TaskRow[] = [];
    for (const read of readers) rows.push(...(yield* read(wanted)));
    if (rows.length === 0) break;
    const intact: TaskRow[] = [];
    for (const row of rows.sort(byPriorityThenAge)) if (yield* isIntact(parts, row)) intact.push(row);
    const byId = new Map(intact.map((row) => [row.id, row]));
    const candidates = intact.map((row) => taskOf(row, []));
    const taken = new Set<string>();
    for (const { task, session } of match(candidates, idle).slice(0, wanted)) {
      const row = byId.get(task.id);
      if (!row || !(yield* hasRoom(row.group_name))) continue;
      claims.push(yield* assign(parts, row, { worker, epoch, session: session.name }));
      taken.add(session.name);
    }
    idle = idle.filter((session) => !taken.has(session.name));
  }
  return claims;
}

/** What was handed to this worker by a call whose answer never reached it. */
export function* unheardClaims(parts: StoreParts, worker: string, epoch: number): Work<readonly Claim[]> {
  if (!parts.given.isInDoubt(worker)) return [];
  const held = yield* all<TaskRow>(
    `select * from tasks where worker = :worker and worker_epoch = :epoch and state in ('assigned', 'running')
     order by id`,
    { worker, epoch },
  );
  const claims: Claim[] = [];
  for (const row of held) if (!parts.given.has(leaseOf(row))) claims.push(yield* claimOf(row));
  return claims;
}

/** Delayed tasks whose time has come. */
function makeDue({ now }: StoreParts): Work<void> {
  return put(
    `update tasks set ready = 1 where state = 'pending' and ready = 0 and waiting_for = 0 and run_at_ms <= :nowMs`,
    { nowMs: now() },
  );
}

/** Its own slots, and terminal sessions of its host that belong to no worker. */
function* idleSessions({ dialect }: StoreParts, worker: string, epoch: number): Work<readonly Session[]> {
  const rows = yield* all<SessionColumns>(
    `select * from sessions where status = 'idle' and (
       (worker = :worker and worker_epoch = :epoch)
       or (worker is null and kind = 'tmux' and host = (select host from workers where name = :worker)))
       and name not in (select name from pauses where kind = 'session')
     ${dialect.unlocked}`,
    { worker, epoch },
  );
  return rows.map(sessionOf);
}

function* isQueuePaused(): Work<boolean> {
  return (yield* get(`select 1 from pauses where kind = 'queue'`)) !== undefined;
}

/** Reads a lane from its head, `count` tasks at a time; groups that are full are passed over. */
function laneReader({ dialect }: StoreParts, lane: string): (count: number) => Work<readonly TaskRow[]> {
  let after: { priority: number; id: number } | null = { priority: 11, id: 0 };
  return function* (count) {
    if (after === null) return [];
    const rows = yield* all<TaskRow>(
      `select * from tasks where lane = :lane and state = 'pending' and ready = 1
         and (priority < :priority or (priority = :priority and id > :id))
         and (group_name is null or group_name not in (
           select name from groups where max_running <= (
             select count(*) from tasks as held where held.group_name = groups.name and held.state in ('assigned', 'running'))
           union all select name from pauses where kind = 'group'))
       order by priority desc, id limit :count ${dialect.unlocked}`,
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
function* hasRoom(group: string | null): Work<boolean> {
  if (group === null) return true;
  const full = yield* get(
    `select 1 from groups where name = :group and max_running <= (
       select count(*) from tasks where group_name = :group and state in ('assigned', 'running'))`,
    { group },
  );
  return full === undefined;
}

/** A spec that is not what was sent never runs. */
function* isIntact(parts: StoreParts, row: TaskRow): Work<boolean> {
  if (sha256(row.spec) === row.spec_hash) return true;
  yield* finish(parts, row, {
    kind: 'not_started',
    code: 'SPEC_CORRUPT',
    message: `The stored task ${row.id} is not the one that was sent: its hash differs.`,
    hint: 'Send it again, and check the disk and the memory of this machine.',
  });
  return false;
}

export function* assign(parts: StoreParts, row: TaskRow, taker: Taker): Work<Claim> {
  const atMs = parts.now();
  const attempt = row.attempt + 1;
  const fence = row.fence + 1;
  const { worker, session } = taker;
  const set = { worker, worker_epoch: taker.epoch, session, attempt, fence, assigned_at_ms: atMs };
  yield* move(row, { transition: 'assigned', worker, reason: `session ${session}`, atMs, set });
  yield* put(
    `insert into attempts (task_id, number, fence, worker, host, session, run_directory, assigned_at_ms)
     values (:id, :attempt, :fence, :worker, :host, :session, :runDirectory, :atMs)`,
    {
      id: row.id,
      attempt,
      fence,
      worker,
      host: row.host,
      session,
      runDirectory: parts.dialect.runDirectory(row, attempt),
      atMs,
    },
  );
  yield* occupy(session, row.id, atMs);
  return yield* claimOf({ ...row, ...set, state: 'assigned' });
}

function* occupy(session: string, id: number, atMs: number): Work<void> {
  const changed = yield* run(
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
export function* claimOf(row: TaskRow): Work<Claim> {
  const attempts = yield* all<AttemptRow>('select * from attempts where task_id = :id order by number', {
    id: row.id,
  });
  const last = attempts.at(-1);
  if (!last) throw new Error(`task ${row.id} has no attempt`);
  return { lease: leaseOf(row), task: taskOf(row, attempts), attempt: attemptOf(last) };
}

export function* startClaimed(parts: StoreParts, lease: Lease, context: ResolvedContext): Work<LeaseNews> {
  const row = yield* heldRow(parts, lease);
  if (!row) return 'lost';
  if (row.state === 'assigned') {
    if (row.stop_requested !== null) return 'stop_requested';
    yield* start(parts, row);
  }
  yield* recordContext(parts, row, context);
  return row.stop_requested === null ? 'kept' : 'stop_requested';
}

/** @returns the row as it is now */
export function* start(parts: StoreParts, row: TaskRow): Work<TaskRow> {
  const atMs = parts.now();
  const set = { started_at_ms: atMs, worker_deaths: 0 };
  yield* move(row, { transition: 'started', worker: row.worker, reason: null, atMs, set });
  yield* put('update attempts set started_at_ms = :atMs where task_id = :id and number = :attempt', {
    atMs,
    id: row.id,
    attempt: row.attempt,
  });
  return { ...row, ...set, state: 'running' };
}

function* recordContext({ now }: StoreParts, row: TaskRow, context: ResolvedContext): Work<void> {
  yield* put('update attempts set context = :context where task_id = :id and number = :attempt', {
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
  yield* put(
    `update sessions set ${assignments(columns)} where name = :where_name and current_task_id = :where_id`,
    {
      ...columns,
      where_name: row.session,
      where_id: row.id,
    },
  );
}

/** A stop that was asked for ends the retries. */
export function* finishClaimed(
  parts: StoreParts,
  lease: Lease,
  end: { readonly outcome: Outcome; readonly retryAtMs: number | null },
): Work<LeaseNews> {
  const row = yield* heldRow(parts, lease);
  if (!row) return yield* lateOutcome(parts, lease, end.outcome);
  const { outcome, retryAtMs } = end;
  if (retryAtMs === null || row.stop_requested !== null) yield* finish(parts, row, outcome);
  else yield* retryLater(parts, row, { outcome, retryAtMs });
  yield* put(
    `update workers set stopped_at_ms = :nowMs where name = :worker and epoch = :epoch and kind = 'foreground'`,
    { nowMs: parts.now(), worker: row.worker, epoch: row.worker_epoch },
  );
  return 'kept';
}

/**
 * The attempt has an outcome already. The same one: this is a repetition, after a commit whose answer was
 * lost. Another one: it was given up as lost, and its run has ended after all; its history learns of it.
 */
function* lateOutcome(parts: StoreParts, lease: Lease, outcome: Outcome): Work<LeaseNews> {
  const { taskId, attempt, fence, worker } = lease;
  const ended = yield* get<OutcomeColumns>(
    'select * from attempts where task_id = :taskId and number = :attempt and fence = :fence and outcome is not null',
    { taskId, attempt, fence },
  );
  if (!ended) return 'lost';
  const given = outcomeColumns(outcome);
  if (COLUMNS.every((column) => ended[column] === given[column])) return 'kept';
  yield* note({ taskId, atMs: parts.now(), kind: 'late_outcome', worker, reason: reasonOf(outcome) });
  return 'lost';
}

const COLUMNS = Object.keys(NO_OUTCOME) as readonly (keyof OutcomeColumns)[];

export function* releaseClaimed(parts: StoreParts, lease: Lease, reason: string): Work<LeaseNews> {
  const row = yield* heldRow(parts, lease);
  if (row?.state !== 'assigned') return 'lost';
  yield* unassign(parts, row, { transition: 'released', reason, workerDeaths: row.worker_deaths });
  return 'kept';
}
