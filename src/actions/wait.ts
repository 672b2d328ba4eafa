import { setTimeout as delay } from 'node:timers/promises';
import { BerthError } from '../core/errors.ts';
import type { Store } from '../core/store.ts';
import type { Outcome, Task } from '../core/task.ts';
import type { Deps } from './deps.ts';
import { findTask, findTasks } from './find-tasks.ts';

/** A lost notice costs at most this long. */
const LOOK_AGAIN_MS = 1000;

export interface Ended {
  readonly task: Task;
  readonly outcome: Outcome;
}

/**
 * Wait for tasks to end, and give each as it ends.
 *
 * @throws {BerthError} `TASK_NOT_FOUND` before anything is waited for; `TRY_AGAIN` when the time is over
 */
export async function* wait(
  deps: Deps,
  { ids, timeoutMs }: { readonly ids: readonly number[]; readonly timeoutMs: number | null },
): AsyncGenerator<Ended> {
  const store = await deps.store();
  await findTasks(store, ids);
  const deadlineMs = timeoutMs === null ? null : deps.now() + timeoutMs;
  for (let open = [...new Set(ids)]; open.length > 0; ) {
    const still: number[] = [];
    for (const id of open) {
      const task = await findTask(store, id);
      if (task.state.name === 'finished') yield { task, outcome: task.state.outcome };
      else still.push(id);
    }
    open = still;
    if (open.length > 0) await nextChange(store, leftMs(deps, deadlineMs, open));
  }
}

/** Resolves when the store may have changed, at the latest after `mostMs`. */
export async function nextChange(store: Store, mostMs: number = LOOK_AGAIN_MS): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  const pause = delay(Math.min(mostMs, LOOK_AGAIN_MS), undefined, { signal }).catch(() => undefined);
  await Promise.race([store.changed(signal), pause]);
  stop.abort();
}

function leftMs(deps: Deps, deadlineMs: number | null, open: readonly number[]): number {
  if (deadlineMs === null) return LOOK_AGAIN_MS;
  const left = deadlineMs - deps.now();
  if (left > 0) return left;
  throw new BerthError(`Task ${open.join(', ')} had not ended when the time was over.`, {
    code: 'TRY_AGAIN',
    hint: `It goes on; see \`berth why ${open[0]}\`, or wait again.`,
  });
}
