import { BerthError } from '../core/errors.ts';
import { checkSessionName } from '../core/session-name.ts';
import type { Deps } from './deps.ts';

/**
 * End a session that berth made, and let go of one that was adopted.
 *
 * @throws {BerthError} `SESSION_NOT_FOUND`, or `TRY_AGAIN` while it runs a task
 */
export async function removeSession(deps: Deps, name: string): Promise<void> {
  checkSessionName(name);
  const store = await deps.store();
  const row = (await store.sessions()).find((session) => session.name === name && session.kind === 'tmux');
  // the row first: without it no task can be given to the session any more
  if (row && !(await store.removeSession(name))) {
    throw new BerthError(`Session "${name}" runs task ${row.currentTaskId}.`, {
      code: 'TRY_AGAIN',
      hint: `Stop the task first: \`berth cancel ${row.currentTaskId}\`.`,
    });
  }
  const removed = await deps.terminals.remove(name);
  if (row || removed) return;
  throw new BerthError(`There is no terminal session "${name}".`, {
    code: 'SESSION_NOT_FOUND',
    hint: '`berth sessions` lists them.',
  });
}
