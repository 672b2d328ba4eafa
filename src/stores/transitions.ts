import { BerthError } from '../core/errors.ts';
import { stateAfter, type Transition } from '../core/state.ts';
import type { Lease } from '../core/task.ts';
import type { SqlValue } from './driver.ts';
import type { GivenClaims } from './given.ts';
import type { TaskRow } from './rows.ts';
import { all, type Dialect, get, must, packed, put, type Work } from './work.ts';

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

/** The task of each lease, in order, while the lease is the current one. */
export function* heldRows(
  { dialect }: StoreParts,
  leases: readonly Lease[],
): Work<readonly (TaskRow | undefined)[]> {
  const rows = yield* all<TaskRow>(
    `select * from tasks where ${dialect.isIn('id', 'ids', 'bigint')} order by id ${dialect.locked}`,
    { ids: JSON.stringify(leases.map(({ taskId }) => taskId)) },
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  return leases.map((lease) => {
    const row = byId.get(lease.taskId);
    const held = row?.fence === lease.fence && (row.state === 'assigned' || row.state === 'running');
    return held ? row : undefined;
  });
}

/** The task of a lease while the lease is the current one. */
export function* heldRow(parts: StoreParts, lease: Lease): Work<TaskRow | undefined> {
  return (yield* heldRows(parts, [lease]))[0];
}

export interface Change {
  readonly row: TaskRow;
  readonly worker: string | null;
  readonly reason: string | null;
  /** Further columns that change with the state; of several changes the same ones. */
  readonly set: Readonly<Record<string, SqlValue>>;
}

export function* move(parts: StoreParts, transition: Transition, change: Change): Work<void> {
  yield* moveAll(parts, transition, [change]);
}

/** The one place where tasks change their state: guarded by the state and fence that were read, with their events. */
export function* moveAll(
  { dialect, now }: StoreParts,
  transition: Transition,
  changes: readonly Change[],
): Work<void> {
  const [first] = changes;
  if (first === undefined) return;
  const rows = changes.map(({ row, set }) => ({
    id: row.id,
    was_state: row.state,
    was_fence: row.fence,
    ...set,
    state: stateAfter(transition, row.state),
  }));
  const columns = [...Object.keys(first.set), 'state'];
  yield* must(
    `update tasks set ${columns.map((name) => `${name} = given.${name}`).join(', ')}
     from ${dialect.rows(['id', 'was_state', 'was_fence', ...columns])}
     where ${dialect.isGiven('tasks.id', 'id')}
       and tasks.id = given.id and tasks.state = given.was_state and tasks.fence = given.was_fence`,
    { rows: packed(rows) },
    {
      changes: rows.length,
      otherwise: () =>
        changed(
          rows.map(({ id }) => id),
          transition,
        ),
    },
  );
  yield* put(
    `insert into events (task_id, at_ms, kind, worker, reason)
     select id, :atMs, :kind, actor, reason from ${dialect.rows(['id', 'actor', 'reason'])}`,
    {
      rows: packed(changes.map(({ row, worker, reason }) => ({ id: row.id, actor: worker, reason }))),
      atMs: now(),
      kind: transition,
    },
  );
}

function changed(ids: readonly number[], transition: Transition): BerthError {
  return new BerthError(`Task ${ids.join(', ')} changed while it was being ${transition}.`, {
    code: 'TRY_AGAIN',
    hint: 'Try again; nothing was changed.',
  });
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
