import { BerthError } from '../core/errors.ts';
import { laneOf } from '../core/lanes.ts';
import type { StopAnswer, TaskFilter } from '../core/store.ts';
import type { StopReason, Task, TaskEvent, TaskStateName } from '../core/task.ts';
import type { SqlValue } from './driver.ts';
import { finish, reopen } from './ends.ts';
import { type AttemptRow, type EventRow, eventOf, specOf, type TaskRow, taskOf } from './rows.ts';
import { canonicalJson, sha256 } from './spec-text.ts';
import { note, type StoreParts, taskRow } from './transitions.ts';
import { all, type Dialect, get, put, run, type Work } from './work.ts';

/** The row of a task, which nobody else changes before the commit. */
export function* requireTask(parts: StoreParts, id: number): Work<TaskRow> {
  const row = yield* taskRow(parts, id);
  if (row) return row;
  throw new BerthError(`There is no task ${id}.`, {
    code: 'TASK_NOT_FOUND',
    hint: 'See `berth list` for the tasks there are.',
  });
}

export function* readTask(dialect: Dialect, id: number): Work<Task | null> {
  return (yield* readTasks(dialect, { ids: [id], limit: 1 }))[0] ?? null;
}

export function* readTasks(dialect: Dialect, filter: TaskFilter): Work<readonly Task[]> {
  const { ids, states, outcomes, limit } = filter;
  const conditions: string[] = [];
  const values: Record<string, SqlValue> = { limit };
  const oneOf = (column: string, list: readonly unknown[] | undefined): void => {
    if (!list) return;
    conditions.push(dialect.isIn(column, column, column === 'id' ? 'bigint' : 'text'));
    values[column] = JSON.stringify(list);
  };
  oneOf('id', ids);
  oneOf('state', states);
  oneOf('outcome', outcomes);
  // said in so many words, it lets the few unfinished ones be found among a million others
  if (states && !states.includes('finished')) conditions.push("state <> 'finished'");
  const where = conditions.length > 0 ? `where ${conditions.join(' and ')}` : '';
  const rows = yield* all<TaskRow>(`select * from tasks ${where} order by id desc limit :limit`, values);
  const attempts = yield* attemptsOf(dialect, rows);
  return rows.map((row) => taskOf(row, attempts.get(row.id) ?? []));
}

/** Of tasks that were ever claimed, oldest first. */
export function* attemptsOf(
  dialect: Dialect,
  tasks: readonly TaskRow[],
): Work<ReadonlyMap<number, readonly AttemptRow[]>> {
  const found = new Map<number, AttemptRow[]>();
  const ids = JSON.stringify(tasks.filter((task) => task.attempt > 0).map((task) => task.id));
  if (ids === '[]') return found;
  const rows = yield* all<AttemptRow>(
    `select * from attempts where ${dialect.isIn('task_id', 'ids', 'bigint')} order by task_id, number`,
    { ids },
  );
  for (const row of rows) found.set(row.task_id, [...(found.get(row.task_id) ?? []), row]);
  return found;
}

export function* readEvents(taskId: number): Work<readonly TaskEvent[]> {
  const rows = yield* all<EventRow>('select * from events where task_id = :taskId order by id', { taskId });
  return rows.map(eventOf);
}

export function* countTasks(): Work<Readonly<Record<TaskStateName, number>>> {
  const unfinished = yield* get<{ pending: number; assigned: number; running: number }>(
    `select count(*) filter (where state = 'pending') as pending,
       count(*) filter (where state = 'assigned') as assigned,
       count(*) filter (where state = 'running') as running
     from tasks where state <> 'finished'`,
  );
  const ended = yield* get<{ finished: number }>(
    `select count(*) as finished from tasks where state = 'finished'`,
  );
  return { pending: 0, assigned: 0, running: 0, ...unfinished, finished: ended?.finished ?? 0 };
}

export function* requestStop(
  parts: StoreParts,
  stop: { taskId: number; reason: StopReason; by: string },
): Work<StopAnswer> {
  const row = yield* taskRow(parts, stop.taskId);
  if (!row) return 'not_found';
  if (row.state === 'finished') return 'already_finished';
  if (row.state === 'pending') {
    yield* finish(parts, row, { kind: 'cancelled', cause: `by ${stop.by}, before it started` });
    return 'cancelled';
  }
  const first = yield* run(
    'update tasks set stop_requested = :reason where id = :taskId and fence = :fence and stop_requested is null',
    { reason: stop.reason, taskId: stop.taskId, fence: row.fence },
  );
  if (first === 1) {
    const { taskId, reason, by } = stop;
    yield* note({
      taskId,
      atMs: parts.now(),
      kind: 'stop_requested',
      worker: null,
      reason: `${reason}: by ${by}`,
    });
  }
  return 'stopping';
}

export function* retryTask(parts: StoreParts, taskId: number): Work<Task> {
  const row = yield* requireTask(parts, taskId);
  if (row.state !== 'finished') {
    throw new BerthError(`Task ${taskId} is ${row.state}; only a finished task can be tried again.`, {
      code: 'NOTHING_MATCHED',
      hint: `Wait for its end with \`berth wait ${taskId}\`, or stop it with \`berth cancel ${taskId}\`.`,
    });
  }
  yield* reopen(parts, row);
  const task = yield* readTask(parts.dialect, taskId);
  if (!task) throw new Error(`task ${taskId} disappeared inside a transaction`);
  return task;
}

/** The rest of the spec stays as it was sent; the hash is that of the new whole. */
export function* reassignTask(parts: StoreParts, taskId: number, session: string | null): Work<Task> {
  const row = yield* requireTask(parts, taskId);
  if (row.state !== 'pending') {
    throw new BerthError(`Task ${taskId} is ${row.state}; only one that waits can go to another session.`, {
      code: 'NOTHING_MATCHED',
      hint: `Stop it with \`berth cancel ${taskId}\`, then \`berth retry ${taskId}\`.`,
    });
  }
  const sent = specOf(row);
  const spec = { ...sent, queue: { ...sent.queue, target: session } };
  const text = canonicalJson(spec);
  yield* put(
    `update tasks set spec = :text, spec_hash = :hash, lane = :lane where id = :id and state = 'pending'`,
    { id: taskId, text, hash: sha256(text), lane: laneOf(spec) },
  );
  const reason = session === null ? 'any session' : `session ${session}`;
  yield* note({ taskId, atMs: parts.now(), kind: 'reassigned', worker: null, reason });
  const task = yield* readTask(parts.dialect, taskId);
  if (!task) throw new Error(`task ${taskId} disappeared inside a transaction`);
  return task;
}

export function* clearTasks(endedBeforeMs: number): Work<readonly string[]> {
  const rows = yield* all<{ run_directory: string }>(
    `select run_directory from attempts join tasks on tasks.id = task_id
     where state = 'finished' and tasks.finished_at_ms < :endedBeforeMs order by task_id, number`,
    { endedBeforeMs },
  );
  yield* put(`delete from tasks where state = 'finished' and finished_at_ms < :endedBeforeMs`, {
    endedBeforeMs,
  });
  return rows.map((row) => row.run_directory);
}
