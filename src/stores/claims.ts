import { pausedProviders } from '../core/limits.ts';
import { Matcher } from '../core/match.ts';
import type { Session } from '../core/session.ts';
import type { Claim } from '../core/store.ts';
import { assignAll, claimOf } from './assign.ts';
import { finish } from './ends.ts';
import { laneQueue } from './lanes.ts';
import { readPauses } from './pauses.ts';
import { leaseOf, specOf, type TaskRow } from './rows.ts';
import { SESSION_COLUMNS, type SessionColumns, sessionOf } from './session-rows.ts';
import { sha256 } from './spec-text.ts';
import type { StoreParts } from './transitions.ts';
import { all, bulk, put, type Work } from './work.ts';
import { epochOf } from './workers.ts';

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
  const pauses = yield* readPauses();
  if (unheard.length > 0 || pauses.some(({ kind }) => kind === 'queue')) return unheard;
  yield* makeDue(parts);
  const idle = yield* idleSessions(parts, worker, epoch);
  const paused = pausedProviders(pauses, parts.now()).map(({ name }) => name);
  const pairs = idle.length === 0 ? [] : yield* matchAll(parts, new Matcher(idle, paused), limit);
  const takings = pairs.map(({ row, session }) => ({ row, worker, epoch, session: session.name }));
  return yield* assignAll(parts, takings);
}

interface Pair {
  readonly row: TaskRow;
  readonly session: Session;
}

function* matchAll(parts: StoreParts, matcher: Matcher, limit: number): Work<readonly Pair[]> {
  const pairs: Pair[] = [];
  const next = yield* laneQueue(parts, matcher.lanes());
  let rooms: Map<string, number> | null = null;
  while (pairs.length < limit) {
    const row = yield* next((lane) => matcher.serves(lane), limit - pairs.length);
    if (row === null) break;
    const group = row.group_name;
    if (group !== null) rooms ??= yield* roomsOfGroups();
    const room = rooms?.get(group ?? '') ?? Number.POSITIVE_INFINITY;
    if (room <= 0 || !(yield* isIntact(parts, row))) continue;
    const session = matcher.take(specOf(row));
    if (session === null) continue;
    pairs.push({ row, session });
    if (group !== null) rooms?.set(group, room - 1);
  }
  return pairs;
}

/** How many more tasks of the groups with a limit may be under way. */
function* roomsOfGroups(): Work<Map<string, number>> {
  const rows = yield* all<{ name: string; room: number }>(
    `select name, max_running - (
       select count(*) from tasks where group_name = groups.name and state in ('assigned', 'running')) as room
     from groups`,
  );
  return new Map(rows.map(({ name, room }) => [name, room]));
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
  const rest = `from sessions where status = 'idle' and (
       (worker = :worker and worker_epoch = :epoch)
       or (worker is null and kind = 'tmux' and host = (select host from workers where name = :worker)))
       and name not in (select name from pauses where kind = 'session')
     ${dialect.unlocked}`;
  const rows = yield* bulk<SessionColumns>(dialect, { columns: SESSION_COLUMNS, rest }, { worker, epoch });
  return rows.map(sessionOf);
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
