import { BerthError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import type { Deps } from './deps.ts';
import { findTasks } from './find-tasks.ts';

/**
 * Queue finished tasks again, each as a new attempt. `failed` takes every task that failed, timed out or did not
 * start; a lost one may still run somewhere, so it has to be named.
 *
 * @throws {BerthError} `TASK_NOT_FOUND` or `NOTHING_MATCHED`, and then nothing is queued
 */
export async function retry(deps: Deps, which: readonly number[] | 'failed'): Promise<readonly Task[]> {
  const store = await deps.store();
  const tasks =
    which === 'failed'
      ? await store.tasks({
          states: ['finished'],
          outcomes: ['failed', 'timed_out', 'not_started'],
          limit: Number.MAX_SAFE_INTEGER,
        })
      : await findTasks(store, which);
  if (tasks.length === 0) {
    throw new BerthError('No task has failed.', {
      code: 'NOTHING_MATCHED',
      hint: '`berth list` shows the tasks.',
    });
  }
  for (const task of tasks) mustBeFinished(task);
  const queued: Task[] = [];
  for (const task of [...tasks].sort((a, b) => a.id - b.id)) queued.push(await store.retry(task.id));
  await deps.worker.nudge();
  return queued;
}

function mustBeFinished(task: Task): void {
  if (task.state.name === 'finished') return;
  throw new BerthError(`Task ${task.id} is ${task.state.name}; only a finished task can be tried again.`, {
    code: 'NOTHING_MATCHED',
    hint: `Wait for it (\`berth wait ${task.id}\`), or stop it first (\`berth cancel ${task.id}\`).`,
  });
}
