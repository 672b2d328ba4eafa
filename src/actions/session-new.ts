import type { ContextRequest } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import { checkSessionName } from '../core/session-name.ts';
import type { Terminal } from '../core/terminal.ts';
import type { Deps } from './deps.ts';
import { type OpenMatters, withProject } from './project-defaults.ts';
import { type SessionColumns, sessions } from './sessions.ts';

export interface SessionWish {
  readonly name: string;
  readonly context: ContextRequest;
  readonly open: OpenMatters;
  /** Agent that the session runs instead of a shell. */
  readonly provider: string | null;
}

/**
 * Open a terminal session in its context, and let tasks use it.
 *
 * @throws {BerthError} `INVALID_VALUE` for a name, `NAME_TAKEN`, and why the context cannot be had
 */
export async function newSession(deps: Deps, wish: SessionWish): Promise<SessionColumns> {
  checkSessionName(wish.name);
  await refuseTaken(deps, wish.name);
  const context = await withProject(deps, wish.context, wish.open);
  const terminal = await deps.terminals.make({ name: wish.name, context, provider: wish.provider });
  return register(deps, terminal);
}

/**
 * Let tasks use a pane that the user has. It stays as it is.
 *
 * @throws {BerthError} `SESSION_NOT_FOUND`, `SESSION_GONE`, `INVALID_VALUE`, `NAME_TAKEN`
 */
export async function adoptSession(
  deps: Deps,
  { target, name }: { readonly target: string; readonly name: string | null },
): Promise<SessionColumns> {
  if (target === '' || target.startsWith('-') || /#\(|[\0-\x1f\x7f]/.test(target)) {
    throw new BerthError(`${JSON.stringify(target)} is not a tmux target.`, {
      code: 'INVALID_VALUE',
      hint: 'Give a session, session:window.pane, or a pane id such as %7.',
    });
  }
  if (name !== null) {
    checkSessionName(name);
    await refuseTaken(deps, name);
  }
  return register(deps, await deps.terminals.adopt(target, name));
}

async function refuseTaken(deps: Deps, name: string): Promise<void> {
  const store = await deps.store();
  const row = (await store.sessions()).find((session) => session.name === name);
  const terminal = row && (await deps.terminals.find(name));
  if (!row || (terminal?.alive !== true && row.currentTaskId === null)) return;
  throw new BerthError(`There is a session "${name}" already.`, {
    code: 'NAME_TAKEN',
    hint: `Choose another name, or end that one with \`berth session rm ${name}\`.`,
  });
}

async function register(deps: Deps, { name, provider, context }: Terminal): Promise<SessionColumns> {
  const store = await deps.store();
  const row = { name, host: deps.host.name, kind: 'tmux' as const, provider, worker: null };
  // asked in one turn, so that no worker sees the row without its context
  await Promise.all([store.putSession(row), store.updateSession(name, context)]);
  await deps.worker.nudge();
  const made = (await sessions(deps)).find((session) => session.name === name);
  if (made) return made;
  throw new BerthError(`Session "${name}" ended while it was made.`, {
    code: 'SESSION_GONE',
    hint: 'Make it again.',
  });
}
