import { BerthError } from '../core/errors.ts';
import type { Store } from '../core/store.ts';
import type { Task } from '../core/task.ts';

/** The tasks with these ids, in their order. All are there, or nothing is done. */
export async function findTasks(store: Store, ids: readonly number[]): Promise<readonly Task[]> {
  const tasks: Task[] = [];
  for (const id of ids) tasks.push(await findTask(store, id));
  return tasks;
}

/** @throws {BerthError} `TASK_NOT_FOUND` */
export async function findTask(store: Store, id: number): Promise<Task> {
  const task = await store.task(id);
  if (task) return task;
  throw new BerthError(`There is no task ${id}.`, {
    code: 'TASK_NOT_FOUND',
    hint: '`berth list` shows the tasks.',
  });
}
