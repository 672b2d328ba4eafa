import { BerthError } from '../core/errors.ts';
import type { Claim } from '../core/store.ts';
import { type AttemptRow, attemptOf, leaseOf, NO_OUTCOME, type TaskRow, taskOf } from './rows.ts';
import { attemptsOf } from './tasks.ts';
import { moveAll, type StoreParts } from './transitions.ts';
import { all, must, packed, put, type Work } from './work.ts';

/** A task, who takes it, and where it will run. */
export interface Taking {
  readonly row: TaskRow;
  readonly worker: string;
  readonly epoch: number;
  readonly session: string;
}

/** @returns the claims, in order */
export function* assignAll(parts: StoreParts, takings: readonly Taking[]): Work<readonly Claim[]> {
  if (takings.length === 0) return [];
  const atMs = parts.now();
  const held = takings.map((taking) => heldRow(taking, atMs));
  const changes = takings.map(({ row, worker, epoch, session }) => ({
    row,
    worker,
    reason: `session ${session}`,
    set: {
      worker,
      worker_epoch: epoch,
      session,
      attempt: row.attempt + 1,
      fence: row.fence + 1,
      assigned_at_ms: atMs,
    },
  }));
  yield* moveAll(parts, 'assigned', changes);
  const fresh = held.map((row) => attemptRow(row, parts.dialect.runDirectory(row, row.attempt)));
  yield* addAttempts(parts, fresh);
  yield* occupy(parts, held);
  // what is known need not be read
  const again = held.filter((row) => row.attempt > 1);
  const read = yield* attemptsOf(parts.dialect, again);
  return held.map((row, at) => claimWith(row, read.get(row.id) ?? fresh.slice(at, at + 1)));
}

interface HeldRow extends TaskRow {
  readonly worker: string;
  readonly session: string;
  readonly assigned_at_ms: number;
}

function heldRow({ row, worker, epoch, session }: Taking, atMs: number): HeldRow {
  const place = { worker, worker_epoch: epoch, session, assigned_at_ms: atMs };
  return { ...row, ...place, state: 'assigned', attempt: row.attempt + 1, fence: row.fence + 1 };
}

function attemptRow(row: HeldRow, runDirectory: string): AttemptRow {
  const { id, attempt, fence, worker, host, session, assigned_at_ms } = row;
  const unknown = { ...NO_OUTCOME, context: null, started_at_ms: null, finished_at_ms: null };
  const place = { worker, host, session, run_directory: runDirectory, assigned_at_ms };
  return { task_id: id, number: attempt, fence, ...place, ...unknown };
}

function addAttempts({ dialect }: StoreParts, attempts: readonly AttemptRow[]): Work<void> {
  const columns = ['fence', 'worker', 'host', 'session', 'run_directory', 'assigned_at_ms'];
  const rows = attempts.map(
    ({ task_id, number, fence, worker, host, session, run_directory, assigned_at_ms }) => ({
      id: task_id,
      attempt: number,
      fence,
      worker,
      host,
      session,
      run_directory,
      assigned_at_ms,
    }),
  );
  return put(
    `insert into attempts (task_id, number, ${columns.join(', ')})
     select id, attempt, ${columns.join(', ')} from ${dialect.rows(['id', 'attempt', ...columns])}`,
    { rows: packed(rows) },
  );
}

/** An idle session has no task: its table sees to that. */
function occupy({ dialect, now }: StoreParts, rows: readonly HeldRow[]): Work<void> {
  return must(
    `update sessions set status = 'busy', current_task_id = given.id, last_activity = :at
     from ${dialect.rows(['id', 'session'])}
     where ${dialect.isGiven('sessions.name', 'session')}
       and sessions.name = given.session and sessions.status = 'idle'`,
    { rows: packed(rows.map(({ id, session }) => ({ id, session }))), at: new Date(now()).toISOString() },
    { changes: rows.length, otherwise: () => taken(rows) },
  );
}

function taken(rows: readonly HeldRow[]): BerthError {
  const names = rows.map(({ session }) => session).join(', ');
  return new BerthError(`Session ${names} was taken while a task was matched with it.`, {
    code: 'TRY_AGAIN',
    hint: 'Try again; nothing was changed.',
  });
}

/** The claim that a task's row describes. */
export function* claimOf(row: TaskRow): Work<Claim> {
  const attempts = yield* all<AttemptRow>('select * from attempts where task_id = :id order by number', {
    id: row.id,
  });
  return claimWith(row, attempts);
}

function claimWith(row: TaskRow, attempts: readonly AttemptRow[]): Claim {
  const last = attempts.at(-1);
  if (!last) throw new Error(`task ${row.id} has no attempt`);
  return { lease: leaseOf(row), task: taskOf(row, attempts), attempt: attemptOf(last) };
}
