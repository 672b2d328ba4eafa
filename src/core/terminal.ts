import type { ContextRequest } from './context.ts';
import type { Executor } from './executor.ts';
import type { SessionContext } from './session.ts';
import type { Store } from './store.ts';

/** Sessions that have a terminal: panes of tmux on this machine. */
export interface Terminals {
  /**
   * Open a shell, or an agent, in its context.
   *
   * @throws {BerthError} why the context cannot be had, `NAME_TAKEN`, `SESSION_GONE` when it ended at once
   */
  make(wish: TerminalWish): Promise<Terminal>;
  /** Take a pane that the user has. @throws {BerthError} `SESSION_NOT_FOUND`, `SESSION_GONE` for a dead pane */
  adopt(target: string, name: string | null): Promise<Terminal>;
  /** Null for a name that has no terminal, or had one that berth no longer knows. */
  find(name: string): Promise<Terminal | null>;
  /** Whether the pane of this name still runs: much less work than `find`. */
  isAlive(name: string): Promise<boolean>;
  /** Hand the caller's terminal over; the exit code. @throws {BerthError} `SESSION_NOT_FOUND`, `SESSION_GONE` */
  attach(name: string): Promise<number>;
  /** End a session that berth made, let go of one that was adopted. False when there was none. */
  remove(name: string): Promise<boolean>;
}

export interface TerminalWish {
  readonly name: string;
  readonly context: ContextRequest;
  readonly provider: string | null;
}

export interface Terminal {
  readonly name: string;
  /** Whether its pane still runs. */
  readonly alive: boolean;
  readonly provider: string | null;
  /** What it was made with; null for one that was adopted. */
  readonly request: ContextRequest | null;
  /** What is known of the place that its shell is in, now. */
  readonly context: SessionContext;
}

/** What a worker needs of terminals. */
export interface TerminalRuns extends Pick<Terminals, 'find' | 'isAlive' | 'remove'> {
  /** Drives runs in this session; null when it is no terminal. */
  executor(session: string): Executor | null;
  close(): Promise<void>;
}

/**
 * Take sessions of a host away whose pane has ended. One that still has a task keeps its row until the task's
 * outcome, which does not depend on the pane, is known.
 *
 * @returns the names that were taken away, and how many are left
 */
export async function forgetGoneSessions(
  store: Pick<Store, 'sessions' | 'removeSession'>,
  terminals: Pick<Terminals, 'isAlive' | 'remove'>,
  host: string,
): Promise<{ readonly gone: readonly string[]; readonly left: number }> {
  const gone: string[] = [];
  let left = 0;
  for (const session of await store.sessions()) {
    const { name, kind, currentTaskId } = session;
    if (kind !== 'tmux' || session.host !== host) continue;
    left += 1;
    if (currentTaskId !== null || (await terminals.isAlive(name))) continue;
    if (!(await store.removeSession(name))) continue;
    left -= 1;
    await terminals.remove(name);
    gone.push(name);
  }
  return { gone, left };
}
