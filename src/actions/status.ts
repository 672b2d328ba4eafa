import type { SessionStatus } from '../core/session.ts';
import type { WorkerRow } from '../core/store.ts';
import type { TaskStateName } from '../core/task.ts';
import type { Deps } from './deps.ts';
import { isWorking } from './live-workers.ts';

/** `berth status --json`. */
export interface Status {
  readonly tasks: Readonly<Record<TaskStateName, number>>;
  readonly workers: readonly WorkerView[];
  readonly sessions: Readonly<Record<SessionStatus, number>>;
}

export interface WorkerView {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly slots: number;
  /** Whether its lease holds and, on this machine, its process is there. */
  readonly alive: boolean;
  readonly started_at: string;
}

export async function status(deps: Deps): Promise<Status> {
  const store = await deps.store();
  const sessions: Record<SessionStatus, number> = { idle: 0, busy: 0, waiting_input: 0, unknown: 0 };
  for (const session of await store.sessions()) sessions[session.status] += 1;
  const workers = (await store.workers()).map((worker) => workerView(worker, isWorking(deps, worker)));
  return { tasks: await store.counts(), workers, sessions };
}

function workerView(worker: WorkerRow, alive: boolean): WorkerView {
  return {
    name: worker.name,
    host: worker.host,
    pid: worker.pid,
    slots: worker.slots,
    alive,
    started_at: new Date(worker.startedAtMs).toISOString(),
  };
}
