import type { Claim, WorkerIdentity } from '../core/store.ts';
import { claimOf } from './claims.ts';
import type { TaskRow } from './rows.ts';
import { finish, move, type StoreParts, unassign } from './transitions.ts';
import { epochOf, type HolderRow, identityOf } from './workers.ts';

/**
 * Take over what dead processes left: earlier ones of this name, and any other of this host whose lease
 * has ended *and* whose process is gone. On one machine a lease alone proves nothing: after a sleep of
 * the machine all of them have ended while every worker still lives.
 */
export function adopt(
  parts: StoreParts,
  worker: string,
  isAlive: (holder: WorkerIdentity) => boolean,
): readonly Claim[] {
  const { database } = parts;
  const epoch = epochOf(parts, worker);
  if (epoch === null) return [];
  const left = database.all<TaskRow>(
    `select * from tasks where worker = :worker and state in ('assigned', 'running') and worker_epoch < :epoch
     order by id`,
    { worker, epoch },
  );
  const others = deadHolders(parts, worker).filter((holder) => !isAlive(identityOf(holder)));
  const rows = [...left, ...others.flatMap((holder) => heldBy(parts, holder))];
  for (const holder of others) {
    database.run('update workers set stopped_at_ms = :nowMs where name = :name and epoch = :epoch', {
      nowMs: parts.now(),
      name: holder.name,
      epoch: holder.epoch,
    });
  }
  return rows.flatMap((row) => takeOver(parts, row, { worker, epoch }));
}

function deadHolders({ database, now }: StoreParts, worker: string): readonly HolderRow[] {
  return database.all<HolderRow>(
    `select * from workers where name <> :worker and host = (select host from workers where name = :worker)
       and lease_until_ms < :nowMs
       and exists (select 1 from tasks where tasks.worker = workers.name and state in ('assigned', 'running'))`,
    { worker, nowMs: now() },
  );
}

function heldBy({ database }: StoreParts, holder: HolderRow): readonly TaskRow[] {
  return database.all<TaskRow>(
    `select * from tasks where worker = :name and state in ('assigned', 'running') order by id`,
    { name: holder.name },
  );
}

/**
 * A running task goes on under a new fence: whoever takes it over looks at its run and says how it ended.
 * An assigned one never started and goes back to pending, but not for ever: one that three workers did
 * not survive taking is set aside as lost.
 */
function takeOver(
  parts: StoreParts,
  row: TaskRow,
  taker: { worker: string; epoch: number },
): readonly Claim[] {
  const { database } = parts;
  if (row.state === 'running') {
    const fence = row.fence + 1;
    move(database, row, {
      transition: 'adopted',
      worker: taker.worker,
      reason: `from ${row.worker}`,
      atMs: parts.now(),
      set: { fence, worker: taker.worker, worker_epoch: taker.epoch },
    });
    database.run(
      'update attempts set fence = :fence, worker = :worker where task_id = :id and number = :attempt and outcome is null',
      { fence, worker: taker.worker, id: row.id, attempt: row.attempt },
    );
    return [claimOf(database, row.id)];
  }
  const workerDeaths = row.worker_deaths + 1;
  if (workerDeaths < MAX_DEATHS) {
    unassign(parts, row, {
      transition: 'returned',
      reason: `worker ${row.worker} died before starting it`,
      workerDeaths,
    });
  } else {
    finish(parts, row, { kind: 'lost', cause: `set aside: ${workerDeaths} workers died before starting it` });
  }
  return [];
}

const MAX_DEATHS = 3;
