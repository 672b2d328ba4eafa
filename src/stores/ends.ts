import type { Outcome, OutcomeKind } from '../core/task.ts';
import type { SqlValue } from './driver.ts';
import { NO_OUTCOME, outcomeColumns, type TaskRow } from './rows.ts';
import { move, moveAll, type StoreParts, taskRow } from './transitions.ts';
import { all, get, packed, put, type Work } from './work.ts';

/** The columns of a task that nobody holds. */
const NOT_HELD = { worker: null, worker_epoch: null, session: null } as const;

/** A task and the outcome of its latest attempt. */
export interface End {
  readonly row: TaskRow;
  readonly outcome: Outcome;
}

export function* finish(parts: StoreParts, row: TaskRow, outcome: Outcome): Work<void> {
  yield* finishAll(parts, [{ row, outcome }]);
}

/** Pending, assigned or running to finished: closes attempts, frees sessions, settles those that wait for these tasks. */
export function* finishAll(parts: StoreParts, ends: readonly End[]): Work<void> {
  // a child that ends takes its own children along
  for (let ended = ends; ended.length > 0; ) {
    yield* close(parts, ended);
    ended = yield* settleChildren(parts, ended);
  }
}

function* close(parts: StoreParts, ends: readonly End[]): Work<void> {
  const atMs = parts.now();
  const changes = ends.map(({ row, outcome }) => ({
    row,
    worker: row.worker,
    reason: reasonOf(outcome),
    set: { ...NOT_HELD, ...outcomeColumns(outcome), finished_at_ms: atMs, ready: 0 },
  }));
  yield* moveAll(parts, 'finished', changes);
  const held = ends.filter(({ row }) => row.session !== null);
  yield* endAttempts(parts, held);
  yield* freeSessions(
    parts,
    held.map(({ row }) => row),
  );
}

/** @returns the children that end with their parents */
function* settleChildren(parts: StoreParts, ended: readonly End[]): Work<readonly End[]> {
  const outcomes = new Map(ended.map(({ row, outcome }) => [row.id, outcome]));
  const children = yield* pendingChildren(parts, [...outcomes.keys()]);
  const ends = new Map<number, End>();
  for (const row of children) {
    const outcome = outcomes.get(row.parent_id);
    if (outcome === undefined || ends.has(row.id)) continue;
    if (outcome.kind === 'succeeded') yield* countParents(parts, row.id);
    else ends.set(row.id, { row, outcome: endedByParent(row.parent_id, outcome) });
  }
  return [...ends.values()];
}

/** The outcome of a pending task when one that it waits for did not succeed. */
function endedByParent(parentId: number, { kind }: { readonly kind: OutcomeKind }): Outcome {
  return { kind: 'cancelled', cause: `task ${parentId}, which it waits for, ended as ${kind}` };
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

function* endAttempts({ dialect, now }: StoreParts, ends: readonly End[]): Work<void> {
  if (ends.length === 0) return;
  const rows = ends.map(({ row, outcome }) => ({
    id: row.id,
    attempt: row.attempt,
    ...outcomeColumns(outcome),
  }));
  const columns = Object.keys(NO_OUTCOME);
  yield* put(
    `update attempts set ${columns.map((name) => `${name} = given.${name}`).join(', ')}, finished_at_ms = :atMs
     from ${dialect.rows(['id', 'attempt', ...columns])}
     where ${dialect.isGiven('attempts.task_id', 'id')}
       and attempts.task_id = given.id and attempts.number = given.attempt and attempts.outcome is null`,
    { rows: packed(rows), atMs: now() },
  );
}

function* freeSessions({ dialect, now }: StoreParts, rows: readonly TaskRow[]): Work<void> {
  if (rows.length === 0) return;
  yield* put(
    `update sessions set status = 'idle', current_task_id = null, last_activity = :at
     from ${dialect.rows(['id', 'session'])}
     where ${dialect.isGiven('sessions.name', 'session')}
       and sessions.name = given.session and sessions.current_task_id = given.id`,
    { rows: packed(rows.map(({ id, session }) => ({ id, session }))), at: new Date(now()).toISOString() },
  );
}

/** The attempt ended and counts; another one follows at `retryAtMs`. */
export function* retryLater(
  parts: StoreParts,
  row: TaskRow,
  end: { outcome: Outcome; retryAtMs: number },
): Work<void> {
  const { outcome, retryAtMs } = end;
  const set = { ...NOT_HELD, ...notReady(retryAtMs) };
  yield* move(parts, 'retrying', { row, worker: row.worker, reason: reasonOf(outcome), set });
  yield* endAttempts(parts, [{ row, outcome }]);
  yield* freeSessions(parts, [row]);
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
  const back = { ready: 1, attempt: row.attempt - 1, worker_deaths: workerDeaths };
  const set = { ...NOT_HELD, ...notReady(parts.now()), ...back };
  yield* move(parts, transition, { row, worker: row.worker, reason, set });
  yield* put('delete from attempts where task_id = :id and number = :attempt', {
    id: row.id,
    attempt: row.attempt,
  });
  yield* freeSessions(parts, [row]);
}

function notReady(runAtMs: number): Record<string, SqlValue> {
  return { run_at_ms: runAtMs, ready: 0, assigned_at_ms: null, started_at_ms: null };
}

/** A finished task back to pending, at once or when those it waits for have succeeded. */
export function* reopen(parts: StoreParts, row: TaskRow): Work<void> {
  const forgotten = { finished_at_ms: null, stop_requested: null, worker_deaths: 0 };
  const set = { ...NO_OUTCOME, ...notReady(parts.now()), ...forgotten };
  yield* move(parts, 'retried', { row, worker: null, reason: null, set });
  yield* waitForParents(parts, row.id);
  for (const child of yield* pendingChildren(parts, [row.id])) yield* countParents(parts, child.id);
}

interface ChildRow extends TaskRow {
  readonly parent_id: number;
}

/** Pending tasks that wait for one of these; most tasks have none. */
function* pendingChildren({ dialect }: StoreParts, parentIds: readonly number[]): Work<readonly ChildRow[]> {
  const edges = yield* all<{ task_id: number; parent_id: number }>(
    `select task_id, parent_id from dependencies where ${dialect.isIn('parent_id', 'parents', 'bigint')}
     order by task_id, parent_id`,
    { parents: JSON.stringify(parentIds) },
  );
  if (edges.length === 0) return [];
  const rows = yield* all<TaskRow>(
    `select * from tasks where ${dialect.isIn('id', 'ids', 'bigint')} and state = 'pending'
     order by id ${dialect.locked}`,
    { ids: JSON.stringify(edges.map((edge) => edge.task_id)) },
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  return edges.flatMap(({ task_id, parent_id }) => {
    const row = byId.get(task_id);
    return row ? [{ ...row, parent_id }] : [];
  });
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
