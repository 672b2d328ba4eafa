import { retryAt, settled } from '../core/backoff.ts';
import type { Claim, WorkerIdentity } from '../core/store.ts';
import { claimOf } from './assign.ts';
import { unheardClaims } from './claims.ts';
import { finish, retryLater, unassign } from './ends.ts';
import { queueOf, type TaskRow } from './rows.ts';
import { move, type StoreParts } from './transitions.ts';
import { all, put, type Work } from './work.ts';
import { epochOf, type HolderRow, identityOf } from './workers.ts';

/**
 * Take over what dead processes left: earlier ones of this name, and any other of this host whose lease
 * has ended *and* whose process is gone. On one machine a lease alone proves nothing: after a sleep of
 * the machine all of them have ended while every worker still lives.
 *
 * Of another host only its lease is known. When that has ended, what it had not started is pending again,
 * and what it runs follows the task's `onLost`, because the run may well go on over there.
 */
export function* adopt(
  parts: StoreParts,
  worker: string,
  isAlive: (holder: WorkerIdentity) => boolean,
): Work<readonly Claim[]> {
  yield* parts.dialect.alone();
  const epoch = yield* epochOf(parts, worker);
  if (epoch === null) return [];
  const left = yield* all<TaskRow>(
    `select * from tasks where worker = :worker and state in ('assigned', 'running') and worker_epoch < :epoch
     order by id ${parts.dialect.locked}`,
    { worker, epoch },
  );
  const claims: Claim[] = [...(yield* unheardClaims(parts, worker, epoch))];
  for (const row of left) claims.push(...(yield* takeOver(parts, row, { worker, epoch })));
  for (const holder of yield* lateHolders(parts, worker)) {
    if (holder.is_here === 0) {
      if (canJudge(parts, worker)) yield* giveUpOn(parts, holder);
    } else if (!isAlive(identityOf(holder))) {
      for (const row of yield* heldBy(parts, holder)) {
        claims.push(...(yield* takeOver(parts, row, { worker, epoch })));
      }
      yield* stop(parts, holder);
    }
  }
  return claims;
}

/**
 * A worker whose own lease had a gap judges nobody for the length of a lease: it was the database that was away
 * or this host that was cut off, and the others renew theirs at this moment.
 */
function canJudge({ steady, now, leaseMs }: StoreParts, worker: string): boolean {
  return now() - (steady.get(worker) ?? now()) >= leaseMs;
}

interface LateHolder extends HolderRow {
  /** 1: on the host of the worker that asks. */
  readonly is_here: number;
}

/** Workers whose lease has ended while they hold tasks. One of another host that left by itself comes back. */
function lateHolders({ now }: StoreParts, worker: string): Work<readonly LateHolder[]> {
  return all<LateHolder>(
    `select workers.*, case when host = (select host from workers where name = :worker) then 1 else 0 end as is_here
     from workers where name <> :worker and lease_until_ms < :nowMs
       and (stopped_at_ms is null or host = (select host from workers where name = :worker))
       and exists (select 1 from tasks where tasks.worker = workers.name and state in ('assigned', 'running'))`,
    { worker, nowMs: now() },
  );
}

function heldBy({ dialect }: StoreParts, holder: HolderRow): Work<readonly TaskRow[]> {
  return all<TaskRow>(
    `select * from tasks where worker = :name and state in ('assigned', 'running') order by id ${dialect.locked}`,
    { name: holder.name },
  );
}

function stop({ now }: StoreParts, { name, epoch }: HolderRow): Work<void> {
  return put('update workers set stopped_at_ms = :nowMs where name = :name and epoch = :epoch', {
    nowMs: now(),
    name,
    epoch,
  });
}

/**
 * A running task goes on under a new fence: whoever takes it over looks at its run and says how it ended.
 * An assigned one never started and goes back to pending, but not for ever: one that three workers did
 * not survive taking is set aside as lost.
 */
function* takeOver(
  parts: StoreParts,
  row: TaskRow,
  taker: { worker: string; epoch: number },
): Work<readonly Claim[]> {
  if (row.state === 'assigned') {
    yield* giveBack(parts, row);
    return [];
  }
  const set = { fence: row.fence + 1, worker: taker.worker, worker_epoch: taker.epoch };
  const reason = `from ${row.worker}`;
  yield* move(parts, 'adopted', { row, worker: taker.worker, reason, set });
  yield* put(
    'update attempts set fence = :fence, worker = :worker where task_id = :id and number = :attempt and outcome is null',
    { fence: set.fence, worker: taker.worker, id: row.id, attempt: row.attempt },
  );
  return [yield* claimOf({ ...row, ...set })];
}

function* giveBack(parts: StoreParts, row: TaskRow): Work<void> {
  const workerDeaths = row.worker_deaths + 1;
  if (workerDeaths < MAX_DEATHS) {
    const reason = `worker ${row.worker} died before starting it`;
    yield* unassign(parts, row, { transition: 'returned', reason, workerDeaths });
    return;
  }
  yield* finish(parts, row, {
    kind: 'lost',
    cause: `set aside: ${workerDeaths} workers died before starting it`,
  });
}

const MAX_DEATHS = 3;

/** Its own rows stay registered: a host that was only cut off goes on with its next heartbeat. */
function* giveUpOn(parts: StoreParts, holder: HolderRow): Work<void> {
  const silence = `host ${holder.host} has not been heard of for ${Math.round((parts.now() - holder.seen_at_ms) / 1000)} s`;
  for (const row of yield* heldBy(parts, holder)) {
    if (row.state === 'assigned') yield* giveBack(parts, row);
    else yield* lose(parts, row, silence);
  }
  yield* put(`update sessions set status = 'unknown' where worker = :name and worker_epoch = :epoch`, {
    name: holder.name,
    epoch: holder.epoch,
  });
}

/** Nobody here can see the run: the task's own policy decides. */
function* lose(parts: StoreParts, row: TaskRow, cause: string): Work<void> {
  const queue = queueOf(row);
  const outcome = settled({ kind: 'lost', cause: `${cause}; the run may still go on there` }, queue);
  const again = row.stop_requested === null ? retryAt(outcome, row.attempt, queue, parts.now()) : null;
  if (again === null) yield* finish(parts, row, outcome);
  else yield* retryLater(parts, row, { outcome, retryAtMs: again });
}
