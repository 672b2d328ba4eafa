import type { Deps } from './deps.ts';

export interface Checked {
  readonly tasks: number;
  /** One sentence each, without a full stop. */
  readonly problems: readonly string[];
}

/** Read the whole queue and check every rule of it. */
export async function fsck(deps: Deps): Promise<Checked> {
  const store = await deps.store();
  const problems = await store.problems();
  const { pending, assigned, running, finished } = await store.counts();
  return { tasks: pending + assigned + running + finished, problems };
}
