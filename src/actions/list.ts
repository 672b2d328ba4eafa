import type { OutcomeKind, Task, TaskStateName } from '../core/task.ts';
import type { Deps } from './deps.ts';

/** Tasks, newest first; no states or outcomes means all of them, no limit all there are. */
export async function list(
  deps: Deps,
  filter: {
    readonly states: readonly TaskStateName[];
    readonly outcomes: readonly OutcomeKind[];
    readonly limit: number | null;
  },
): Promise<readonly Task[]> {
  const store = await deps.store();
  return store.tasks({
    limit: filter.limit ?? Number.MAX_SAFE_INTEGER,
    ...(filter.states.length > 0 && { states: filter.states }),
    ...(filter.outcomes.length > 0 && { outcomes: filter.outcomes }),
  });
}
