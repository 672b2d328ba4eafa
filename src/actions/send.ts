import type { Added } from '../core/store.ts';
import type { Deps } from './deps.ts';
import { findTasks } from './find-tasks.ts';
import { checkHost } from './other-host.ts';
import { fullSpec, type StorableSpec, storable, type TaskRequest } from './task-spec.ts';

/**
 * Queue a task. When this resolves, it is on disk.
 *
 * @throws {BerthError} `TASK_NOT_FOUND` for an unknown `after`, `KEY_CONFLICT` for a known key with another task,
 *   and as `checkHost` says
 */
export async function send(deps: Deps, request: TaskRequest): Promise<Added> {
  const spec = await fullSpec(deps, request);
  const store = await deps.store();
  await findTasks(store, spec.queue.after);
  await checkHost(deps, spec);
  const stored = await storable(deps, spec);
  const added = await store.add(stored.spec).catch(async (error: unknown) => {
    await stored.forget();
    throw error;
  });
  await deps.worker.nudge();
  return added;
}

/** Queue many tasks in one transaction: all of them, or none. */
export async function sendAll(deps: Deps, requests: readonly TaskRequest[]): Promise<readonly Added[]> {
  const reading = { ...deps, settings: remembered(deps.settings) };
  const store = await deps.store();
  const stored: StorableSpec[] = [];
  try {
    for (const request of requests) {
      const spec = await fullSpec(reading, request);
      await checkHost(deps, spec);
      stored.push(await storable(deps, spec));
    }
    await findTasks(store, [...new Set(stored.flatMap(({ spec }) => spec.queue.after))]);
    const added = await store.addAll(stored.map(({ spec }) => spec));
    await deps.worker.nudge();
    return added;
  } catch (error) {
    for (const { forget } of stored) await forget();
    throw error;
  }
}

/** Ask once for each directory. */
function remembered(settings: Deps['settings']): Deps['settings'] {
  const known = new Map<string, ReturnType<Deps['settings']>>();
  return (dir) => {
    const answer = known.get(dir) ?? settings(dir);
    known.set(dir, answer);
    return answer;
  };
}
