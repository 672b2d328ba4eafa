import type { Added } from '../core/store.ts';
import type { Deps } from './deps.ts';
import { findTasks } from './find-tasks.ts';
import { prepareSpec, type TaskRequest } from './task-spec.ts';

/**
 * Queue a task. When this resolves, it is on disk.
 *
 * @throws {BerthError} `TASK_NOT_FOUND` for an unknown `after`, `KEY_CONFLICT` for a known key with another task
 */
export async function send(deps: Deps, request: TaskRequest): Promise<Added> {
  // a broken settings file is reported before anything is made
  await deps.settings(request.context.workdir);
  const store = await deps.store();
  await findTasks(store, request.queue.after ?? []);
  const { spec, forget } = await prepareSpec(deps, request);
  const added = await store.add(spec).catch(async (error: unknown) => {
    await forget();
    throw error;
  });
  await deps.worker.nudge();
  return added;
}
