import type { Added } from '../core/store.ts';
import type { Deps } from './deps.ts';
import { findTasks } from './find-tasks.ts';
import { fullSpec, storable, type TaskRequest } from './task-spec.ts';

/**
 * Queue a task. When this resolves, it is on disk.
 *
 * @throws {BerthError} `TASK_NOT_FOUND` for an unknown `after`, `KEY_CONFLICT` for a known key with another task
 */
export async function send(deps: Deps, request: TaskRequest): Promise<Added> {
  const spec = await fullSpec(deps, request);
  const store = await deps.store();
  await findTasks(store, spec.queue.after);
  const stored = await storable(deps, spec);
  const added = await store.add(stored.spec).catch(async (error: unknown) => {
    await stored.forget();
    throw error;
  });
  await deps.worker.nudge();
  return added;
}
