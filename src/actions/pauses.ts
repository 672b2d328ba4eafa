import type { Group, Pausable } from '../core/store.ts';
import type { Deps } from './deps.ts';

/** False when it was paused already. */
export async function pause(deps: Deps, what: Pausable): Promise<boolean> {
  return (await deps.store()).pause(what);
}

/** False when it was not paused. */
export async function resume(deps: Deps, what: Pausable): Promise<boolean> {
  const resumed = await (await deps.store()).resume(what);
  await deps.worker.nudge();
  return resumed;
}

export async function groups(deps: Deps): Promise<readonly Group[]> {
  return (await deps.store()).groups();
}

/** @param limit  tasks of the group at a time; null takes the limit away */
export async function setGroup(deps: Deps, name: string, limit: number | null): Promise<void> {
  await (await deps.store()).setGroup(name, limit);
  await deps.worker.nudge();
}
