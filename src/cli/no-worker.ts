import type { Deps } from '../actions/deps.ts';
import { findTasks } from '../actions/find-tasks.ts';
import { hasWorker } from '../actions/live-workers.ts';
import type { Output } from './output.ts';

const NO_WORKER = 'No worker runs; the task waits until there is one: `berth up`.';

/** Say why nothing happens, to someone who waits for tasks that no worker will take. */
export async function warnWithoutWorker(deps: Deps, out: Output, ids: readonly number[]): Promise<void> {
  if (await hasWorker(deps)) return;
  const tasks = await findTasks(await deps.store(), ids);
  if (tasks.some((task) => task.state.name === 'pending')) await out.warn(NO_WORKER);
}
