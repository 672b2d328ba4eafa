import { pausedProviders } from '../core/limits.ts';
import { Matcher } from '../core/match.ts';
import type { Claim } from '../core/store.ts';
import { assignAll, claimOf, type Taking } from './assign.ts';
import { finish } from './ends.ts';
import { laneQueue } from './lanes.ts';
import { readPauses } from './pauses.ts';
import { leaseOf, specOf, type TaskRow } from './rows.ts';
import { SESSION_COLUMNS } from './session-rows.ts';
import { sha256 } from './spec-text.ts';
import { type Demand, type IdleRow, Takers } from './takers.ts';
import type { StoreParts } from './transitions.ts';
import { all, bulk, put, type Work } from './work.ts';
import { holdingsOf } from './workers.ts';

export function* claimTasks(parts: StoreParts, worker: string, limit: number): Work<readonly Claim[]> {
  const [claims = []] = yield* claimAll(parts, [{ worker, limit }]);
  return claims;
}

/**
 * The match: idle sessions of these workers with the oldest tasks of the highest priority that fit them.
 * Only the lanes of these sessions are read, each as far as its sessions reach, so that the cost does
 * not depend on how much else is pending.
 *
 * @returns claims of each, in order
 */
export function* claimAll(
  parts: StoreParts,
  demands: readonly Demand[],
): Work<readonly (readonly Claim[])[]> {
  yield* parts.dialect.alone();
  const names = demands.map(({ worker }) => worker);
  const holdings = new Map(yield* holdingsOf(parts, names));
  const claims: Claim[] = [];
  for (const [worker, { epoch }] of holdings) {
    const unheard = yield* unheardClaims(parts, worker, epoch);
    claims.push(...unheard);
    // these first
    if (unheard.length > 0) holdings.delete(worker);
  }
  if (holdings.size > 0) claims.push(...(yield* matchAll(parts, new Takers(demands, holdings))));
  return dealt(demands, claims);
}

/** To each its own. One that asks twice at a time gets what it asked for, and then the rest. */
function dealt(demands: readonly Demand[], claims: readonly Claim[]): readonly (readonly Claim[])[] {
  const rest = new Map(demands.map(({ worker }) => [worker, [] as Claim[]]));
  for (const claim of claims) rest.get(claim.lease.worker)?.push(claim);
  const last = new Map(demands.map((demand) => [demand.worker, demand]));
  return demands.map((demand) => {
    const own = rest.get(demand.worker) ?? [];
    return own.splice(0, last.get(demand.worker) === demand ? own.length : demand.limit);
  });
}

function* matchAll(parts: StoreParts, takers: Takers): Work<readonly Claim[]> {
  const pauses = yield* readPauses();
  if (pauses.some(({ kind }) => kind === 'queue')) return [];
  yield* makeDue(parts);
  const idle = takers.places(yield* idleSessions(parts, takers.names()));
  if (idle.length === 0) return [];
  const paused = pausedProviders(pauses, parts.now()).map(({ name }) => name);
  const matcher = new Matcher(idle, paused);
  const next = yield* laneQueue(parts, matcher.lanes());
  const takings: Taking[] = [];
  let rooms: Map<string, number> | null = null;
  while (takers.room() > 0) {
    const row = yield* next((lane) => matcher.serves(lane), takers.room());
    if (row === null) break;
    const group = row.group_name;
    if (group !== null) rooms ??= yield* roomsOfGroups();
    const room = rooms?.get(group ?? '') ?? Number.POSITIVE_INFINITY;
    if (room <= 0 || !(yield* isIntact(parts, row))) continue;
    const session = matcher.take(specOf(row));
    if (session === null) continue;
    const { worker, epoch, closed } = takers.take(session);
    matcher.withdraw(closed);
    takings.push({ row, worker, epoch, session: session.name });
    if (group !== null) rooms?.set(group, room - 1);
  }
  return yield* assignAll(parts, takings);
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

/** Their own slots, and terminal sessions of their hosts that belong to no worker. */
function* idleSessions({ dialect }: StoreParts, workers: readonly string[]): Work<readonly IdleRow[]> {
  const rest = `from sessions where status = 'idle' and (
       ${dialect.isIn('worker', 'workers', 'text')}
       or (worker is null and kind = 'tmux' and host in (
         select host from workers where ${dialect.isIn('name', 'workers', 'text')})))
       and name not in (select name from pauses where kind = 'session')
     ${dialect.unlocked}`;
  return yield* bulk<IdleRow>(
    dialect,
    { columns: [...SESSION_COLUMNS, 'worker', 'worker_epoch'], rest },
    {
      workers: JSON.stringify(workers),
    },
  );
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
