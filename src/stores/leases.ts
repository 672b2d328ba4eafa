import type { ResolvedContext } from '../core/context.ts';
import type { LeaseNews, TaskNote } from '../core/store.ts';
import type { Lease, Outcome } from '../core/task.ts';
import { type End, finishAll, reasonOf, retryLater, unassign } from './ends.ts';
import { NO_OUTCOME, type OutcomeColumns, outcomeColumns, type TaskRow } from './rows.ts';
import { contextColumns, contextOfAttempt } from './session-rows.ts';
import { heldRow, heldRows, move, moveAll, note, type StoreParts } from './transitions.ts';
import { get, packed, put, type Work } from './work.ts';

/** A claimed task that is about to run, and where. */
export interface Start {
  readonly lease: Lease;
  readonly context: ResolvedContext;
}

/** How an attempt ended; with `retryAtMs` another one follows. */
export interface AttemptEnd {
  readonly lease: Lease;
  readonly outcome: Outcome;
  readonly retryAtMs: number | null;
}

export function* startClaimed(parts: StoreParts, lease: Lease, context: ResolvedContext): Work<LeaseNews> {
  const [news = 'lost'] = yield* startAll(parts, [{ lease, context }]);
  return news;
}

/** @returns news of each, in order */
export function* startAll(parts: StoreParts, starts: readonly Start[]): Work<readonly LeaseNews[]> {
  const leases = starts.map(({ lease }) => lease);
  const rows = yield* heldRows(parts, leases);
  const begun: Begun[] = [];
  for (const [at, { context }] of starts.entries()) {
    const row = rows[at];
    if (row && !isStoppedBefore(row)) begun.push({ row, context });
  }
  const set = { started_at_ms: parts.now(), worker_deaths: 0 };
  const assigned = begun.filter(({ row }) => row.state === 'assigned');
  const changes = assigned.map(({ row }) => ({ row, worker: row.worker, reason: null, set }));
  yield* moveAll(parts, 'started', changes);
  yield* recordContexts(parts, begun);
  return rows.map(newsOf);
}

/** A stop that was asked for before the start: nothing is to be started. */
function isStoppedBefore(row: TaskRow): boolean {
  return row.state === 'assigned' && row.stop_requested !== null;
}

function newsOf(row: TaskRow | undefined): LeaseNews {
  if (!row) return 'lost';
  return row.stop_requested === null ? 'kept' : 'stop_requested';
}

interface Begun {
  readonly row: TaskRow;
  readonly context: ResolvedContext;
}

function* recordContexts({ dialect, now }: StoreParts, begun: readonly Begun[]): Work<void> {
  const [first] = begun;
  if (first === undefined) return;
  const rows = begun.map(({ row: { id, attempt, session }, context }) => ({
    id,
    attempt,
    session,
    context: JSON.stringify(context),
    ...contextColumns(contextOfAttempt(context)),
  }));
  yield* put(
    `update attempts set context = given.context, started_at_ms = coalesce(started_at_ms, :atMs)
     from ${dialect.rows(['id', 'attempt', 'context'])}
     where ${dialect.isGiven('attempts.task_id', 'id')} and attempts.task_id = given.id and attempts.number = given.attempt`,
    { rows: packed(rows), atMs: now() },
  );
  const columns = Object.keys(contextColumns(contextOfAttempt(first.context)));
  yield* put(
    `update sessions set ${columns.map((name) => `${name} = given.${name}`).join(', ')},
       last_activity = :at, last_context_update = :at
     from ${dialect.rows(['id', 'session', ...columns])}
     where ${dialect.isGiven('sessions.name', 'session')}
       and sessions.name = given.session and sessions.current_task_id = given.id`,
    { rows: packed(rows), at: new Date(now()).toISOString() },
  );
}

/** One that goes straight to running. @returns the row as it is now */
export function* start(parts: StoreParts, row: TaskRow): Work<TaskRow> {
  const atMs = parts.now();
  const set = { started_at_ms: atMs, worker_deaths: 0 };
  yield* move(parts, 'started', { row, worker: row.worker, reason: null, set });
  yield* put('update attempts set started_at_ms = :atMs where task_id = :id and number = :attempt', {
    atMs,
    id: row.id,
    attempt: row.attempt,
  });
  return { ...row, ...set, state: 'running' };
}

export function* finishClaimed(
  parts: StoreParts,
  lease: Lease,
  end: { readonly outcome: Outcome; readonly retryAtMs: number | null },
): Work<LeaseNews> {
  const [news = 'lost'] = yield* endAll(parts, [{ lease, ...end }]);
  return news;
}

/** @returns news of each, in order */
export function* endAll(parts: StoreParts, ends: readonly AttemptEnd[]): Work<readonly LeaseNews[]> {
  const leases = ends.map(({ lease }) => lease);
  const rows = yield* heldRows(parts, leases);
  const finished: End[] = [];
  const news: LeaseNews[] = [];
  for (const [at, { lease, outcome, retryAtMs }] of ends.entries()) {
    const row = rows[at];
    news.push(row ? 'kept' : yield* lateOutcome(parts, lease, outcome));
    if (!row) continue;
    // a stop that was asked for ends the retries
    if (retryAtMs === null || row.stop_requested !== null) finished.push({ row, outcome });
    else yield* retryLater(parts, row, { outcome, retryAtMs });
    yield* endForeground(parts, row);
  }
  yield* finishAll(parts, finished);
  return news;
}

/** A foreground run is over with its task; it is named after its session. */
function* endForeground({ now }: StoreParts, row: TaskRow): Work<void> {
  const { worker, session, worker_epoch: epoch } = row;
  if (worker !== session) return;
  yield* put(
    `update workers set stopped_at_ms = :nowMs where name = :worker and epoch = :epoch and kind = 'foreground'`,
    { nowMs: now(), worker, epoch },
  );
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

/** A line of history that its run tells; of an attempt that is over nothing is said. */
export function noteRun({ now }: StoreParts, { taskId, attempt, kind, reason }: TaskNote): Work<void> {
  return put(
    `insert into events (task_id, at_ms, kind, worker, reason)
     select id, :atMs, :kind, worker, :reason from tasks
     where id = :taskId and attempt = :attempt and state = 'running'`,
    { taskId, attempt, kind, reason, atMs: now() },
  );
}
