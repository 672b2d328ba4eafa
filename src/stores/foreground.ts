import { BerthError } from '../core/errors.ts';
import type { Claim, ForegroundRun } from '../core/store.ts';
import type { TaskSpec } from '../core/task.ts';
import { assign, claimOf, start } from './claims.ts';
import type { Database } from './driver.ts';
import { addTask } from './tasks.ts';
import { type StoreParts, taskRow } from './transitions.ts';
import { takeName } from './workers.ts';

/** A new task straight to running, in a session of its own that stays afterwards. */
export function addRunning(parts: StoreParts, spec: TaskSpec, run: ForegroundRun): Claim {
  const { id, created } = addTask(parts, spec);
  const row = taskRow(parts.database, id);
  if (!created || row?.state !== 'pending') {
    throw new BerthError(
      `Task ${id} cannot run in the foreground: it ${created ? 'waits for others' : 'was sent before'}.`,
      {
        code: 'KEY_CONFLICT',
        hint: `Use \`berth send\` for it, or see \`berth show ${id}\`.`,
      },
    );
  }
  const session = freeRunSession(parts.database, run.host);
  const epoch = takeName(parts, { ...run.worker, name: session }, 'foreground');
  assign(parts, row, { worker: session, epoch, session });
  const assigned = taskRow(parts.database, id);
  if (assigned) start(parts, assigned);
  return claimOf(parts.database, id);
}

/** `local/run-1`, `local/run-2` ...: the first that nobody uses. */
function freeRunSession(database: Database, host: string): string {
  const rows = database.all<{ name: string; status: string }>(
    `select name, status from sessions where host = :host and kind = 'headless' and name like :pattern`,
    { host, pattern: `${host}/run-%` },
  );
  const busy = new Set(rows.filter((row) => row.status !== 'idle').map((row) => row.name));
  let number = 1;
  while (busy.has(`${host}/run-${number}`)) number += 1;
  const name = `${host}/run-${number}`;
  database.run(
    `insert into sessions (name, host, kind, status) values (:name, :host, 'headless', 'idle')
     on conflict (name) do nothing`,
    { name, host },
  );
  return name;
}
