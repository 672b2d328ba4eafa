import { statfsSync, statSync, watch as watchFile } from 'node:fs';
import type { Executor, RunEnd, RunSpec } from '../core/executor.ts';
import type { Host, Launched } from '../core/host.ts';
import {
  createRunDirectory,
  pullLeash,
  type RunFiles,
  type RunProcesses,
  readEnd,
  readFacts,
  readProcesses,
  readTail,
  runFiles,
  sealRun,
} from './run-directory.ts';

/** How often a run that another process started is looked at, beside its file events. */
const LOOK_MS = 250;
/** The end of a run is written by its last process, which tells nobody when it goes. */
const LAST_LOOK_MS = 2;
/** How often a stop is repeated: an order may meet a box that has not read its script yet. */
const STOP_AGAIN_MS = 500;
/** How long a started run may take to write itself down before it counts as never begun. */
const START_MS = 5000;
const STDERR_TAIL_BYTES = 2048;

/**
 * Runs without a terminal: detached from us, all state in the run directory.
 *
 * @param host  where the runs are started
 * @param runs  absolute path of the folder that holds the run directories
 */
export function headlessExecutor(host: Host, runs: string): Executor {
  /** Ends of the runs that this very process started; for all others the files are asked. */
  const launched = new Map<string, Launched['ended']>();
  const files = (directory: string) => runFiles(runs, directory);

  return {
    kind: 'headless',

    async start(run) {
      const at = files(run.directory);
      if (readProcesses(at) !== null) return 'already';
      createRunDirectory(at, run);
      const started = await host.launch(startCommand(at, run), { stdout: at.out, stderr: at.err });
      launched.set(run.directory, started.ended);
      return 'started';
    },

    async watch(directory, signal) {
      const own = launched.get(directory);
      const ended = own && (await raceAbort(own, signal));
      if (!signal.aborted) launched.delete(directory);
      // also after the end of our own process: of two starters the other one may have the run
      return watchFiles(host, files(directory), { signal, exitCode: ended?.code ?? null });
    },

    async stop(directory) {
      const at = files(directory);
      const send = () => {
        if (readEnd(at) !== null) clearInterval(repeat);
        else order(host, at);
      };
      const repeat = setInterval(send, STOP_AGAIN_MS);
      repeat.unref();
      send();
    },

    async abandon(directory) {
      const at = files(directory);
      const main = readProcesses(at)?.main;
      if (main && readFacts(at)?.leash === 'stdin' && host.isAlive(main)) host.signal(main.pid, 'SIGKILL');
    },

    async seal(directory, end) {
      sealRun(files(directory), end);
    },

    async state(directory) {
      const at = files(directory);
      if (readEnd(at) !== null) return 'ended';
      const processes = readProcesses(at);
      if (processes === null) return 'absent';
      return lives(host, processes) || isBeingMade(at, processes) ? 'running' : 'vanished';
    },
  };
}

function startCommand(at: RunFiles, run: RunSpec) {
  const entry = run.entry ?? { argv: [], env: {}, cwd: null };
  return { argv: ['sh', at.start, ...entry.argv], cwd: entry.cwd, env: entry.env };
}

/** File events say when to look, the files say what is true. */
async function watchFiles(host: Host, at: RunFiles, known: Known): Promise<RunEnd> {
  const patience = Date.now() + START_MS;
  let events: FileEvents | null = null;
  try {
    while (!known.signal.aborted) {
      const main = readProcesses(at)?.main ?? null;
      // the token is made first and filled right after: one without a process is young, or torn by a crash
      const alive = main === null ? Date.now() < patience : host.isAlive(main);
      const end = readEnd(at);
      if (end !== null && (main === null || !alive)) return end;
      if (!alive) return { ...vanished(at, known.exitCode), ...causeOf(host, at, main) };
      if (events !== null) await events.next(end === null ? LOOK_MS : LAST_LOOK_MS);
      // what came before the watch began told nobody: look once more
      else events = fileEvents(at.path, known.signal);
    }
  } finally {
    events?.close();
  }
  throw new DOMException('The watch was given up; the run goes on.', 'AbortError');
}

interface Known {
  readonly signal: AbortSignal;
  /** Of the process that we started ourselves. */
  readonly exitCode: number | null;
}

function lives(host: Host, processes: RunProcesses): boolean {
  return processes.main !== null && host.isAlive(processes.main);
}

/** The token is made first and filled right after; one that stays empty was torn by a crash. */
function isBeingMade(at: RunFiles, { main }: RunProcesses): boolean {
  return main === null && Date.now() - statSync(at.pid).mtimeMs < START_MS;
}

function vanished(at: RunFiles, exitCode: number | null): RunEnd {
  const tail = readTail(at.err, STDERR_TAIL_BYTES);
  const output = readTail(at.out, STDERR_TAIL_BYTES);
  const facts = readFacts(at);
  return {
    kind: 'vanished',
    exitCode,
    stderrTail: tail?.bytes.toString('utf8') ?? '',
    stdoutTail: output?.bytes.toString('utf8') ?? '',
    ...(facts?.leash === 'stdin' && { nonce: facts.nonce }),
  };
}

/** Why a run may have left no record. */
function causeOf(host: Host, at: RunFiles, main: RunProcesses['main']): { readonly cause?: string } {
  const bootId = main?.bootId ?? '';
  if (bootId !== '' && bootId !== host.self.bootId) return { cause: 'this machine was restarted meanwhile' };
  return statfsSync(at.path).bavail === 0 ? { cause: 'no space is left on the disk of its log' } : {};
}

function order(host: Host, at: RunFiles): void {
  const facts = readFacts(at);
  if (facts?.leash === 'stdin') {
    pullLeash(at, 'stop');
    return;
  }
  const processes = readProcesses(at);
  // the watch side takes the signal; its own life is bound to the main process
  if (processes?.watch && lives(host, processes)) host.signal(processes.watch, 'SIGTERM');
}

interface FileEvents {
  /** Resolves at the next change, or one since the last call; at the latest after this time. */
  next(ms: number): Promise<void>;
  close(): void;
}

function fileEvents(path: string, signal: AbortSignal): FileEvents {
  let changed = false;
  let wake = () => {};
  const change = () => {
    changed = true;
    wake();
  };
  const watcher = watchFile(path, { persistent: false }, change);
  watcher.on('error', () => watcher.close());
  signal.addEventListener('abort', change, { once: true });
  return {
    async next(ms) {
      if (!changed) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, ms);
        });
        clearTimeout(timer);
      }
      changed = false;
    },
    close() {
      watcher.close();
      signal.removeEventListener('abort', change);
    },
  };
}

function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const abort = () => resolve(null);
    signal.addEventListener('abort', abort, { once: true });
    promise.finally(() => signal.removeEventListener('abort', abort)).then(resolve, reject);
  });
}
