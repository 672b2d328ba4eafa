import { BerthError } from '../core/errors.ts';
import type { Claim, ForegroundRun } from '../core/store.ts';
import type { TaskSpec } from '../core/task.ts';
import { addTask } from './adding.ts';
import { assignAll, claimOf } from './assign.ts';
import { start } from './leases.ts';
import { type StoreParts, taskRow } from './transitions.ts';
import { all, put, type Work } from './work.ts';
import { takeName } from './workers.ts';

/** A new task straight to running, in a session of its own that stays afterwards. */
export function* addRunning(parts: StoreParts, spec: TaskSpec, run: ForegroundRun): Work<Claim> {
  yield* parts.dialect.alone();
  const { id, created } = yield* addTask(parts, spec);
  const row = yield* taskRow(parts, id);
  if (!created || row?.state !== 'pending') {
    throw new BerthError(
      `Task ${id} cannot run in the foreground: it ${created ? 'waits for others' : 'was sent before'}.`,
      {
        code: 'KEY_CONFLICT',
        hint: `Use \`berth send\` for it, or see \`berth show ${id}\`.`,
      },
    );
  }
  const session = yield* freeRunSession(run.host);
  const epoch = yield* takeName(parts, { ...run.worker, name: session }, 'foreground');
  yield* assignAll(parts, [{ row, worker: session, epoch, session }]);
  const assigned = yield* taskRow(parts, id);
  if (!assigned) throw new Error(`task ${id} disappeared inside a transaction`);
  return yield* claimOf(yield* start(parts, assigned));
}

/** `local/run-1`, `local/run-2` ...: the first that nobody uses. */
function* freeRunSession(host: string): Work<string> {
  const rows = yield* all<{ name: string; status: string }>(
    `select name, status from sessions where host = :host and kind = 'headless' and name like :pattern`,
    { host, pattern: `${host}/run-%` },
  );
  const busy = new Set(rows.filter((row) => row.status !== 'idle').map((row) => row.name));
  let number = 1;
  while (busy.has(`${host}/run-${number}`)) number += 1;
  const name = `${host}/run-${number}`;
  yield* put(
    `insert into sessions (name, host, kind, status) values (:name, :host, 'headless', 'idle')
     on conflict (name) do nothing`,
    { name, host },
  );
  return name;
}
