import type { ResolvedContext } from '../core/context.ts';
import type { LeaseNews, TaskNote } from '../core/store.ts';
import type { Lease, Outcome } from '../core/task.ts';
import { NO_OUTCOME, type OutcomeColumns, outcomeColumns, type TaskRow } from './rows.ts';
import { contextColumns, contextOfAttempt } from './session-rows.ts';
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
import { get, put, type Work } from './work.ts';

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
  // a foreground run is named after its session
  if (row.worker !== row.session) return 'kept';
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

/** A line of history that its run tells; of an attempt that is over nothing is said. */
export function noteRun({ now }: StoreParts, { taskId, attempt, kind, reason }: TaskNote): Work<void> {
  return put(
    `insert into events (task_id, at_ms, kind, worker, reason)
     select id, :atMs, :kind, worker, :reason from tasks
     where id = :taskId and attempt = :attempt and state = 'running'`,
    { taskId, attempt, kind, reason, atMs: now() },
  );
}
