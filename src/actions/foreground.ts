import type { Outcome } from '../core/task.ts';
import type { Deps, ForegroundWatcher } from './deps.ts';
import { prepareSpec, type TaskRequest } from './task-spec.ts';

/** Run a task now, on the caller's streams, and answer how it ended. */
export async function runNow(
  deps: Deps,
  request: TaskRequest,
  watcher: ForegroundWatcher,
): Promise<{ readonly id: number; readonly outcome: Outcome }> {
  // a broken settings file is reported before anything is made
  await deps.settings(request.context.workdir);
  await deps.store();
  let taken = false;
  const { spec, forget } = await prepareSpec(deps, request);
  try {
    return await deps.foreground(spec, {
      ...watcher,
      started: (id) => {
        taken = true;
        watcher.started(id);
      },
    });
  } finally {
    if (!taken) await forget();
  }
}
