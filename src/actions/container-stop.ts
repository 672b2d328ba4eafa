import type { Deps } from './deps.ts';

/** Stop a container; one that berth started is also removed. @returns whether it ran before */
export async function stopContainer(deps: Deps, container: string, force: boolean): Promise<boolean> {
  return (await deps.engines.containers()).stop(container, { force });
}
