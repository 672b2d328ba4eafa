import type { Task } from '../core/task.ts';
import type { Deps } from './deps.ts';
import { findTasks } from './find-tasks.ts';

/** Send waiting tasks to a session. @param session  null: to any that fits */
export async function reassign(
  deps: Deps,
  ids: readonly number[],
  session: string | null,
): Promise<readonly Task[]> {
  const store = await deps.store();
  await findTasks(store, ids);
  const moved: Task[] = [];
  for (const id of ids) moved.push(await store.reassign(id, session));
  await deps.worker.nudge();
  return moved;
}
