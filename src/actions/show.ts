import type { Task } from '../core/task.ts';
import type { Deps } from './deps.ts';
import { findTask } from './find-tasks.ts';

/** @throws {BerthError} `TASK_NOT_FOUND` */
export async function show(deps: Deps, id: number): Promise<Task> {
  return findTask(await deps.store(), id);
}
