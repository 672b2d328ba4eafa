import type { Task, TaskStateName } from '../core/task.ts';
import type { Deps } from './deps.ts';

/** Tasks, newest first; no states means all of them, no limit all there are. */
export async function list(
  deps: Deps,
  filter: { readonly states: readonly TaskStateName[]; readonly limit: number | null },
): Promise<readonly Task[]> {
  const store = await deps.store();
  return store.tasks({
    limit: filter.limit ?? Number.MAX_SAFE_INTEGER,
    ...(filter.states.length > 0 && { states: filter.states }),
  });
}
