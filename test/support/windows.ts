import type { Host } from '../../src/core/host.ts';
import { EMPTY_CONTEXT } from '../../src/core/session.ts';
import type { Store } from '../../src/core/store.ts';
import type { Terminal, TerminalRuns } from '../../src/core/terminal.ts';
import { ownServer, tmux } from '../../src/executors/tmux/server.ts';
import { tmuxExecutor } from '../../src/executors/tmux.ts';
import { openTmux } from '../../src/executors/tmux-control.ts';

/** Terminal sessions on a tmux server of their own, one for each task. */
export interface Windows {
  readonly terminals: TerminalRuns;
  /** @returns the name of a session that has no task */
  take(store: Store): Promise<string>;
  /** Its task has ended. */
  giveBack(name: string): void;
  close(): Promise<void>;
}

/** @param home  folder of the server; its runs are in `runs` below it */
export async function openWindows(host: Host, home: string, runs: string): Promise<Windows> {
  const server = ownServer(home);
  const control = await openTmux(host, server);
  const sessions = new Map<string, string>();
  const free: string[] = [];
  const executor: TerminalRuns['executor'] = (name) => {
    const session = sessions.get(name);
    if (session === undefined) return null;
    return tmuxExecutor({ host, runs, open: async () => ({ control, session, shell: null }) });
  };
  return {
    terminals: {
      executor,
      find: async (name) => shell(name),
      isAlive: async () => true,
      remove: async () => false,
      close: async () => {},
    },
    async take(store) {
      const name = free.pop() ?? `window-${sessions.size + 1}`;
      if (!sessions.has(name)) {
        sessions.set(name, '');
        const format = ['-P', '-F', '#{session_id}'];
        const [session = ''] = await control.run(['new-session', '-d', ...format, 'exec sleep 100000']);
        sessions.set(name, session);
        await store.putSession({ name, host: 'local', kind: 'tmux', provider: null, worker: null });
      }
      return name;
    },
    giveBack: (name) => void free.push(name),
    async close() {
      await control.close();
      await tmux(host, server, ['kill-server']);
    },
  };
}

/** A shell on the host, which is where the session is again after each task. */
function shell(name: string): Terminal {
  return { name, alive: true, provider: null, request: null, context: EMPTY_CONTEXT };
}
