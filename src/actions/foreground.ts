import type { Outcome } from '../core/task.ts';
import type { Deps, ForegroundWatcher } from './deps.ts';
import { fullSpec, storable, type TaskRequest } from './task-spec.ts';

/** Run a task now, on the caller's streams, and answer how it ended. */
export async function runNow(
  deps: Deps,
  request: TaskRequest,
  watcher: ForegroundWatcher,
): Promise<{ readonly id: number; readonly outcome: Outcome }> {
  const stored = await storable(deps, await fullSpec(deps, request));
  let taken = false;
  const started = (id: number) => {
    taken = true;
    watcher.started(id);
  };
  try {
    return await deps.foreground(stored.spec, { ...watcher, started });
  } finally {
    if (!taken) await stored.forget();
  }
}
