import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { agentSession } from './agent-sessions.ts';
import type { Executor } from './core/executor.ts';
import type { Host } from './core/host.ts';
import { isExcluded, isSessionName } from './core/session-name.ts';
import type { Store } from './core/store.ts';
import type { TerminalRuns } from './core/terminal.ts';
import { tmuxExecutor } from './executors/tmux.ts';
import { agentExecutor } from './executors/tmux-agent.ts';
import { openTmux, type TmuxControl } from './executors/tmux-control.ts';
import { type SessionRecord, TmuxSessions } from './executors/tmux-sessions.ts';
import { findTerminal, isTerminalAlive } from './terminals.ts';
import type { LogEvent } from './worker/deps.ts';

export interface TerminalWorker {
  readonly host: Host;
  readonly home: string;
  readonly runs: string;
  /** Patterns of session names that are left alone. */
  readonly exclude: readonly string[];
  store(): Promise<Store>;
  log(event: LogEvent): void;
}

/** Terminal sessions as a worker uses them: one connection to each tmux server, held while it works. */
export function terminalRunsOf(worker: TerminalWorker): TerminalRuns {
  const all = new TmuxSessions(worker.host, worker.home);
  const connections = new Map<string, Promise<TmuxControl>>();
  const connect = async ({ server, session, made }: SessionRecord): Promise<TmuxControl> => {
    const key = made ? server.socket : `${server.socket} ${session}`;
    const known = await connections.get(key)?.catch(() => null);
    if (known && !known.ended) return known;
    const opening = openTmux(worker.host, server, made ? undefined : session);
    connections.set(key, opening);
    return opening;
  };
  return {
    executor: (name) => (isSessionName(name) ? executorOf(worker, { all, connect, name }) : null),
    // one that is kept out is let go of, and not ended
    find: async (name) => (isExcluded(name, worker.exclude) ? null : findTerminal(all, name)),
    isAlive: async (name) => !isExcluded(name, worker.exclude) && isTerminalAlive(all, name),
    remove: async (name) => !isExcluded(name, worker.exclude) && all.remove(name),
    close: async () => {
      const open = await Promise.allSettled(connections.values());
      await Promise.all(open.map((one) => (one.status === 'fulfilled' ? one.value.close() : null)));
    },
  };
}

/** One session, and how it is reached. */
export interface SessionTarget {
  readonly all: TmuxSessions;
  readonly name: string;
  connect(record: SessionRecord): Promise<TmuxControl>;
}

/** A command gets a window of its own, a prompt goes to the agent on the screen. */
function executorOf(worker: TerminalWorker, target: SessionTarget): Executor {
  const { host, runs } = worker;
  const { all, connect, name } = target;
  const open = async () => {
    const record = all.mustFind(name);
    const leadsAway = record.context.containerId !== null;
    const shell = record.provider === null ? { pane: record.pane, pid: record.process.pid, leadsAway } : null;
    return { control: await connect(record), session: record.session, shell };
  };
  const windows = tmuxExecutor({ host, runs, open });
  const screen = agentExecutor(runs, agentSession(worker, target));
  const of = (directory: string) => (existsSync(join(runs, directory, 'prompt')) ? screen : windows);
  return {
    kind: 'tmux',
    start: (run) => of(run.directory).start(run),
    watch: (directory, signal) => of(directory).watch(directory, signal),
    stop: (directory) => of(directory).stop(directory),
    abandon: async (directory) => of(directory).abandon?.(directory),
    seal: (directory, end) => of(directory).seal(directory, end),
    state: (directory) => of(directory).state(directory),
  };
}
