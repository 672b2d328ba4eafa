import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quoteWord, shellQuote, toBytes } from '../core/command.ts';
import { BerthError } from '../core/errors.ts';
import type { Executor, RunSpec } from '../core/executor.ts';
import type { Host } from '../core/host.ts';
import { headlessExecutor } from './headless.ts';
import { createRunDirectory, isInBand, type RunFiles, readProcesses, runFiles } from './run-directory.ts';
import { inFront } from './tmux/in-front.ts';
import { typeLine } from './tmux/type-line.ts';
import WINDOW from './tmux/window.sh?raw';
import type { TmuxControl } from './tmux-control.ts';
import { inBandExecutor, type RemotePane } from './tmux-in-band.ts';

export interface TmuxRuns {
  readonly host: Host;
  /** Absolute path of the folder that holds the run directories. */
  readonly runs: string;
  /** The session that the windows are opened in; throws a BerthError when it is gone. */
  open(): Promise<WindowTarget>;
}

export interface WindowTarget {
  readonly control: TmuxControl;
  /** Such as `$3`. */
  readonly session: string;
  /** The session's own pane and its first process; null where tasks only get windows. */
  readonly shell: {
    readonly pane: string;
    readonly pid: number;
    /** The first process is a program that leads into a box, as berth started it. */
    readonly leadsAway: boolean;
  } | null;
}

/** Title of the window; a session has one at most that berth made. */
const WINDOW_NAME = 'berth-task';

/**
 * Runs in a terminal session: in a new window of it, or, where that was asked for, in the shell that is there. A
 * window starts the run directory's script and nothing is typed. The run's record is the same as without a terminal,
 * and so are its watch and its stop, but for a shell that shares no files with us.
 */
export function tmuxExecutor({ host, runs, open }: TmuxRuns): Executor {
  const detached = { ...headlessExecutor(host, runs), start: startHere };
  const inBand = inBandExecutor(host, runs, async () => remotePane(await open()));
  const laneOf = (directory: string) => (isInBand(runFiles(runs, directory)) ? inBand : detached);
  return {
    kind: 'tmux',
    start: async (run) => (run.inShell && (await leadsAway(open)) ? inBand.start(run) : startHere(run)),
    watch: (directory, signal) => laneOf(directory).watch(directory, signal),
    stop: (directory) => laneOf(directory).stop(directory),
    abandon: async (directory) => laneOf(directory).abandon?.(directory),
    seal: (directory, end) => laneOf(directory).seal(directory, end),
    state: (directory) => laneOf(directory).state(directory),
  };

  async function startHere(run: RunSpec): Promise<'started' | 'already'> {
    const at = runFiles(runs, run.directory);
    if (readProcesses(at) !== null) return 'already';
    createRunDirectory(at, run);
    const script = writeWindowScript(at, run);
    const { control, session, shell } = await open();
    if (run.inShell === true) {
      if (shell === null) throw noShell(session);
      await typeLine({ control, pane: shell.pane, shell: shell.pid }, script, at.pid);
      return 'started';
    }
    // the window of the task before, which only shows how that one ended
    await control.run(['kill-window', '-t', `${session}:=${WINDOW_NAME}`]).catch(() => {});
    // two words: tmux starts them itself, one would go through the user's shell first
    await control.run(['new-window', '-d', '-t', `${session}:`, '-n', WINDOW_NAME, 'sh', script]);
    return 'started';
  }
}

/** What berth started to lead away does so whatever is in front at this moment, such as the last of the run before. */
async function leadsAway(open: TmuxRuns['open']): Promise<boolean> {
  const { shell } = await open();
  return shell !== null && (shell.leadsAway || clientOf(shell) !== null);
}

function remotePane({ control, session, shell }: WindowTarget): RemotePane {
  if (shell === null) throw noShell(session);
  return { control, pane: shell.pane, client: () => clientOf(shell) };
}

/** The program in front whose terminal is another one; null when there is none. */
function clientOf({ pid, leadsAway }: NonNullable<WindowTarget['shell']>): RemoteClient | null {
  const front = inFront(pid);
  if (front === null) return null;
  return front.kind === 'client' || (leadsAway && front.process.pid === pid) ? front.process : null;
}

type RemoteClient = ReturnType<RemotePane['client']>;

function noShell(session: string): BerthError {
  return new BerthError(`Session ${session} runs no shell of this machine that a line could be typed at.`, {
    code: 'SHELL_NOT_READY',
    hint: 'Leave --in-shell out to get a window.',
  });
}

/** In a file: what stands in a window's command can be read by every client of the server. */
function writeWindowScript(at: RunFiles, run: RunSpec): string {
  const path = join(at.path, 'window.sh');
  const entry = run.entry ?? { argv: [], env: {}, cwd: null };
  const title = `Task ${run.task}`;
  const text = [
    ...Object.entries(entry.env).map(([name, value]) => `export ${name}=${quoteWord(value)}`),
    `berth_shell=${run.inShell === true ? 'yes' : ''}`,
    `set -- ${shellQuote([title, ...entry.argv])}`,
    WINDOW,
  ];
  writeFileSync(path, toBytes(text.join('\n')), { mode: 0o600 });
  return path;
}
