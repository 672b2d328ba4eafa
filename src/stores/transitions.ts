import { BerthError } from '../core/errors.ts';
import { stateAfter, type Transition } from '../core/state.ts';
import type { Lease, Outcome, OutcomeKind } from '../core/task.ts';
import type { SqlValue } from './driver.ts';
import type { GivenClaims } from './given.ts';
import { NO_OUTCOME, outcomeColumns, type TaskRow } from './rows.ts';
import { all, type Dialect, get, must, put, type Work } from './work.ts';

/** What every part of the store works with. */
export interface StoreParts {
  readonly dialect: Dialect;
  /** The database's clock, Unix milliseconds. SQLite has no other than this machine's. */
  now(): number;
  /** Worker names that this handle holds, each with the epoch it was given. */
  readonly epochs: Map<string, number>;
  readonly leaseMs: number;
  /** What this handle was given. */
  readonly given: GivenClaims;
  /** Since when the leases of these workers have been renewed without a gap. */
  readonly steady: Map<string, number>;
}

/** The row of a task, which nobody else changes before the commit. */
export function taskRow({ dialect }: StoreParts, id: number): Work<TaskRow | undefined> {
  return get<TaskRow>(`select * from tasks where id = :id ${dialect.locked}`, { id });
}

/** The task of a lease while the lease is the current one. */
export function* heldRow(parts: StoreParts, lease: Lease): Work<TaskRow | undefined> {
  const row = yield* taskRow(parts, lease.taskId);
  const held = row?.fence === lease.fence && (row.state === 'assigned' || row.state === 'running');
  return held ? row : undefined;
}

export interface Change {
  readonly transition: Transition;
  readonly worker: string | null;
  readonly reason: string | null;
  readonly atMs: number;
  /** Further columns that change with the state. */
  readonly set: Readonly<Record<string, SqlValue>>;
}

/** The one place where a task changes its state: guarded by the state and fence that were read, with its event. */
export function* move(row: TaskRow, change: Change): Work<void> {
  const { transition, worker, reason, atMs } = change;
  const columns = { ...change.set, state: stateAfter(transition, row.state) };
  yield* must(
    `update tasks set ${assignments(columns)} where id = :where_id and state = :where_state and fence = :where_fence`,
    { ...columns, where_id: row.id, where_state: row.state, where_fence: row.fence },
    () =>
      new BerthError(`Task ${row.id} changed while it was being ${transition}.`, {
        code: 'TRY_AGAIN',
        hint: 'Try again; nothing was changed.',
      }),
  );
  yield* note({ taskId: row.id, atMs, kind: transition, worker, reason });
}

/** `a = :a, b = :b` */
export function assignments(columns: Readonly<Record<string, SqlValue>>): string {
  return Object.keys(columns)
    .map((name) => `${name} = :${name}`)
    .join(', ');
}

/** Add a line to a task's history. */
export function note(event: {
  readonly taskId: number;
  readonly atMs: number;
  readonly kind: string;
  readonly worker: string | null;
  readonly reason: string | null;
}): Work<void> {
  return put(
    `insert into events (task_id, at_ms, kind, worker, reason)
     values (:taskId, :atMs, :kind, :worker, :reason)`,
    event,
  );
}

/** The columns of a task that nobody holds. */
const NOT_HELD = { worker: null, worker_epoch: null, session: null } as const;

/** Pending, assigned or running to finished: closes the attempt, frees the session, settles those that wait. */
export function* finish(parts: StoreParts, row: TaskRow, outcome: Outcome): Work<void> {
  yield* finishOne(parts, row, outcome);
  const ended = [{ id: row.id, outcome }];
  // grows while it is walked: a child that ends takes its own children along
  for (const parent of ended) {
    for (const child of yield* pendingChildren(parts, parent.id)) {
      const end = parent.outcome.kind === 'succeeded' ? null : endedByParent(parent.id, parent.outcome);
      if (end === null) yield* countParents(parts, child.id);
      else {
        yield* finishOne(parts, child, end);
        ended.push({ id: child.id, outcome: end });
      }
    }
  }
}

/** The outcome of a pending task when one that it waits for did not succeed. */
function endedByParent(parentId: number, { kind }: { readonly kind: OutcomeKind }): Outcome {
  return { kind: 'cancelled', cause: `task ${parentId}, which it waits for, ended as ${kind}` };
}

function* finishOne({ now }: StoreParts, row: TaskRow, outcome: Outcome): Work<void> {
  const atMs = now();
  yield* move(row, {
    transition: 'finished',
    worker: row.worker,
    reason: reasonOf(outcome),
    atMs,
    set: { ...NOT_HELD, ...outcomeColumns(outcome), finished_at_ms: atMs, ready: 0 },
  });
  if (row.session === null) return;
  yield* endAttempt(row, outcome, atMs);
  yield* freeSession(row, atMs);
}

/** `failed: exit code 3`, for the history. */
export function reasonOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'succeeded':
      return outcome.kind;
    case 'failed':
      return `failed: exit code ${outcome.exitCode}${outcome.cause === null ? '' : `, ${outcome.cause}`}`;
    case 'not_started':
      return `not_started: ${outcome.code}: ${outcome.message}`;
    case 'cancelled':
    case 'timed_out':
    case 'lost':
      return `${outcome.kind}: ${outcome.cause}`;
  }
}

function endAttempt(row: TaskRow, outcome: Outcome, atMs: number): Work<void> {
  const columns = { ...outcomeColumns(outcome), finished_at_ms: atMs };
  return put(
    `update attempts set ${assignments(columns)} where task_id = :id and number = :attempt and outcome is null`,
    { ...columns, id: row.id, attempt: row.attempt },
  );
}

function freeSession(row: TaskRow, atMs: number): Work<void> {
  return put(
    `update sessions set status = 'idle', current_task_id = null, last_activity = :at
     where name = :session and current_task_id = :id`,
    { session: row.session, id: row.id, at: new Date(atMs).toISOString() },
  );
}

/** The attempt ended and counts; another one follows at `retryAtMs`. */
export function* retryLater(
  parts: StoreParts,
  row: TaskRow,
  end: { outcome: Outcome; retryAtMs: number },
): Work<void> {
  const atMs = parts.now();
  yield* move(row, {
    transition: 'retrying',
    worker: row.worker,
    reason: reasonOf(end.outcome),
    atMs,
    set: { ...NOT_HELD, ...notReady(end.retryAtMs) },
  });
  yield* endAttempt(row, end.outcome, atMs);
  yield* freeSession(row, atMs);
}

export interface Unassignment {
  readonly transition: 'released' | 'returned';
  readonly reason: string;
  readonly workerDeaths: number;
}

/** Back to pending before anything ran: the attempt is forgotten and its number used again. */
export function* unassign(parts: StoreParts, row: TaskRow, change: Unassignment): Work<void> {
  if (row.stop_requested !== null) {
    yield* finish(parts, row, { kind: 'cancelled', cause: 'stopped before it started' });
    return;
  }
  const { transition, reason, workerDeaths } = change;
  const atMs = parts.now();
  yield* move(row, {
    transition,
    worker: row.worker,
    reason,
    atMs,
    set: { ...NOT_HELD, ...notReady(atMs), ready: 1, attempt: row.attempt - 1, worker_deaths: workerDeaths },
  });
  yield* put('delete from attempts where task_id = :id and number = :attempt', {
    id: row.id,
    attempt: row.attempt,
  });
  yield* freeSession(row, atMs);
}

function notReady(runAtMs: number): Record<string, SqlValue> {
  return { run_at_ms: runAtMs, ready: 0, assigned_at_ms: null, started_at_ms: null };
}

/** A finished task back to pending, at once or when those it waits for have succeeded. */
export function* reopen(parts: StoreParts, row: TaskRow): Work<void> {
  const atMs = parts.now();
  yield* move(row, {
    transition: 'retried',
    worker: null,
    reason: null,
    atMs,
    set: { ...NO_OUTCOME, ...notReady(atMs), finished_at_ms: null, stop_requested: null, worker_deaths: 0 },
  });
  yield* waitForParents(parts, row.id);
  for (const child of yield* pendingChildren(parts, row.id)) yield* countParents(parts, child.id);
}

function pendingChildren({ dialect }: StoreParts, parentId: number): Work<readonly TaskRow[]> {
  return all<TaskRow>(
    `select tasks.* from dependencies join tasks on tasks.id = task_id
     where parent_id = :parentId and state = 'pending' order by task_id ${dialect.lockedTasks}`,
    { parentId },
  );
}

/** Counted anew each time, because a parent may succeed, be tried again, and succeed again. */
function* countParents({ now }: StoreParts, id: number): Work<void> {
  yield* put(
    `update tasks set waiting_for = (
       select count(*) from dependencies join tasks as parent on parent.id = parent_id
       where task_id = :id and parent.outcome is distinct from 'succeeded')
     where id = :id and state = 'pending'`,
    { id },
  );
  yield* put(
    `update tasks set ready = case when waiting_for = 0 and run_at_ms <= :nowMs then 1 else 0 end where id = :id and state = 'pending'`,
    { id, nowMs: now() },
  );
}

/** Make a pending task wait for its parents; one that ended without success ends it at once. */
export function* waitForParents(parts: StoreParts, id: number): Work<void> {
  // one that ends at this moment either is seen to have ended, or waits until it can see this child
  yield* put(
    `select tasks.id from dependencies join tasks on tasks.id = parent_id
     where task_id = :id order by tasks.id ${parts.dialect.lockedTasks}`,
    { id },
  );
  yield* countParents(parts, id);
  const parent = yield* get<{ id: number; kind: OutcomeKind }>(
    `select parent.id, outcome as kind from dependencies join tasks as parent on parent.id = parent_id
     where task_id = :id and outcome is not null and outcome <> 'succeeded' order by parent.id limit 1`,
    { id },
  );
  const row = parent && (yield* taskRow(parts, id));
  if (row) yield* finish(parts, row, endedByParent(parent.id, parent));
}
