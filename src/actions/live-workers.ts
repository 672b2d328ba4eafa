import type { WorkerRow } from '../core/store.ts';
import type { Deps } from './deps.ts';

/**
 * Whether a worker works: its lease holds, and, where it is one of this machine, its process is there. One that
 * was killed leaves a lease behind.
 */
export function isWorking({ host, now }: Pick<Deps, 'host' | 'now'>, worker: WorkerRow): boolean {
  return worker.leaseUntilMs > now() && (worker.host !== host.name || host.isAlive(worker));
}

/** Whether anyone will take a task that was just sent. */
export async function hasWorker(deps: Deps): Promise<boolean> {
  const workers = await (await deps.store()).workers();
  return workers.some((worker) => isWorking(deps, worker));
}
