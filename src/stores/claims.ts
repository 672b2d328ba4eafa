import { BerthError } from '../core/errors.ts';
import { lanesOf, match } from '../core/match.ts';
import type { Session } from '../core/session.ts';
import type { Claim } from '../core/store.ts';
import { pausedProviders } from './pauses.ts';
import { type AttemptRow, attemptOf, leaseOf, NO_OUTCOME, type TaskRow, taskOf } from './rows.ts';
import { type SessionColumns, sessionOf } from './session-rows.ts';
import { sha256 } from './spec-text.ts';
import { finish, move, type StoreParts } from './transitions.ts';
import { all, get, must, put, type Work } from './work.ts';
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
  const paused = yield* pausedProviders(parts);
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
    for (const { task, session } of match(candidates, idle, paused).slice(0, wanted)) {
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
  const held = { ...row, ...set, state: 'assigned' as const };
  const fresh = attemptRow(held, parts.dialect.runDirectory(row, attempt));
  yield* put(
    `insert into attempts (task_id, number, fence, worker, host, session, run_directory, assigned_at_ms)
     values (:task_id, :number, :fence, :worker, :host, :session, :run_directory, :assigned_at_ms)`,
    {
      task_id: row.id,
      number: attempt,
      fence,
      worker,
      host: row.host,
      session,
      run_directory: fresh.run_directory,
      assigned_at_ms: atMs,
    },
  );
  yield* occupy(session, row.id, atMs);
  // what is known need not be read
  return attempt === 1 ? claimWith(held, [fresh]) : yield* claimOf(held);
}

function attemptRow(
  row: TaskRow & { readonly worker: string; readonly session: string; readonly assigned_at_ms: number },
  runDirectory: string,
): AttemptRow {
  const { id, attempt, fence, worker, host, session, assigned_at_ms } = row;
  const unknown = { ...NO_OUTCOME, context: null, started_at_ms: null, finished_at_ms: null };
  const place = { worker, host, session, run_directory: runDirectory, assigned_at_ms };
  return { task_id: id, number: attempt, fence, ...place, ...unknown };
}

function occupy(session: string, id: number, atMs: number): Work<void> {
  return must(
    `update sessions set status = 'busy', current_task_id = :id, last_activity = :at
     where name = :session and status = 'idle' and current_task_id is null`,
    { session, id, at: new Date(atMs).toISOString() },
    () =>
      new BerthError(`Session ${session} was taken while task ${id} was matched with it.`, {
        code: 'TRY_AGAIN',
        hint: 'Try again; nothing was changed.',
      }),
  );
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
