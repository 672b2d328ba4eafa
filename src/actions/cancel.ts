import type { StopAnswer } from '../core/store.ts';
import type { Deps } from './deps.ts';
import { findTasks } from './find-tasks.ts';

export interface Cancelled {
  readonly id: number;
  readonly answer: Exclude<StopAnswer, 'not_found'>;
}

/**
 * Ask for a stop of each task. One that waits ends at once; one that runs ends when its processes are gone.
 *
 * @throws {BerthError} `TASK_NOT_FOUND`, and then nothing is stopped
 */
export async function cancel(deps: Deps, ids: readonly number[]): Promise<readonly Cancelled[]> {
  const store = await deps.store();
  await findTasks(store, ids);
  const cancelled: Cancelled[] = [];
  for (const id of ids) {
    const answer = await store.requestStop(id, 'cancelled', deps.env.USER ?? 'user');
    // cleared since it was found: it had finished
    cancelled.push({ id, answer: answer === 'not_found' ? 'already_finished' : answer });
  }
  await deps.worker.nudge();
  return cancelled;
}
