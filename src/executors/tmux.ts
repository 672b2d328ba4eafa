import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quoteWord, shellQuote, toBytes } from '../core/command.ts';
import { BerthError } from '../core/errors.ts';
import type { Executor, RunSpec } from '../core/executor.ts';
import type { Host } from '../core/host.ts';
import { headlessExecutor } from './headless.ts';
import { createRunDirectory, type RunFiles, readProcesses, runFiles } from './run-directory.ts';
import { typeLine } from './tmux/type-line.ts';
import WINDOW from './tmux/window.sh?raw';
import type { TmuxControl } from './tmux-control.ts';

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
  /** The session's own pane and the shell in it; null where tasks only get windows. */
  readonly shell: { readonly pane: string; readonly pid: number } | null;
}

/** Title of the window; a session has one at most that berth made. */
const WINDOW_NAME = 'berth-task';

/**
 * Runs in a new window of a terminal session. Nothing is typed: the window starts the run directory's
 * script. The run's record is the same as without a terminal, and so are its watch and its stop.
 */
export function tmuxExecutor({ host, runs, open }: TmuxRuns): Executor {
  const detached = headlessExecutor(host, runs);
  return {
    ...detached,
    kind: 'tmux',

    async start(run) {
      const at = runFiles(runs, run.directory);
      if (readProcesses(at) !== null) return 'already';
      createRunDirectory(at, run);
      const script = writeWindowScript(at, run);
      const { control, session, shell } = await open();
      if (run.inShell === true) {
        if (shell === null) throw noShell(session);
        await typeLine({ control, pane: shell.pane, shell: shell.pid }, ` sh ${script}`, at.pid);
        return 'started';
      }
      // the window of the task before, which only shows how that one ended
      await control.run(['kill-window', '-t', `${session}:=${WINDOW_NAME}`]).catch(() => {});
      const command = `exec sh ${quoteWord(script)}`;
      await control.run(['new-window', '-d', '-t', `${session}:`, '-n', WINDOW_NAME, command]);
      return 'started';
    },
  };
}

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
