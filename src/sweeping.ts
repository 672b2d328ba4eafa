import type { Leftover } from './actions/deps.ts';
import type { Host } from './core/host.ts';
import { isSessionName } from './core/session-name.ts';
import type { Store } from './core/store.ts';
import { queueId } from './queue-id.ts';
import { answeringInspectors } from './runtimes/containers.ts';
import { leftovers, removeLeftover } from './runtimes/sweep.ts';

export interface Swept {
  readonly host: Host;
  readonly home: string;
  store(): Promise<Store>;
}

/**
 * Remove the containers that this queue started and that nobody answers for any more, such as those of a worker, or
 * of a `session new`, that was killed while it started one. A queue that never started a container asks no engine.
 *
 * @param dryRun  only look
 */
export async function sweep(machine: Swept, dryRun: boolean): Promise<readonly Leftover[]> {
  const queue = queueId(machine.home, 'known');
  if (queue === null) return [];
  const [store, inspectors] = await Promise.all([machine.store(), answeringInspectors(machine.host)]);
  const found = await leftovers(machine.host, {
    inspectors,
    queue,
    isHeld: async ({ task, attempt, session, id }) => {
      if (task === null) return session !== null && isSessionIn(machine, session, id);
      const held = await store.task(task);
      const tried = held?.attempts.find(({ number }) => number === attempt);
      return held?.state.name === 'running' && tried?.context?.container?.id === id;
    },
  });
  if (!dryRun) for (const one of found) await removeLeftover(machine.host, one);
  return found;
}

async function isSessionIn({ host, home }: Swept, name: string, id: string): Promise<boolean> {
  const { TmuxSessions } = await import('./executors/tmux-sessions.ts');
  const sessions = new TmuxSessions(host, home);
  const session = isSessionName(name) ? sessions.find(name) : null;
  return session !== null && session.context.containerId === id && sessions.isAlive(session);
}
