import type { Executor } from '../core/executor.ts';
import { nextWrite } from './output.ts';
import { cutOutMark, isAllWritten, pullLeash, type RunFiles, readFacts, runFiles } from './run-directory.ts';

/**
 * Runs that hang on their kubectl, for pods in which nothing can be written. kubectl ends when the program has ended
 * in the pod, and drops what has not come by then: so each run holds its end back until it was heard here.
 *
 * @param other  starts and watches what hangs on a client
 */
export function attachedExecutor(runs: string, other: Executor): Executor {
  return {
    ...other,
    start: (run) => other.start(run.hearing ? { ...run, script: run.hearing, hears: true } : run),
    async watch(directory, signal) {
      const at = runFiles(runs, directory);
      const over = new AbortController();
      const [end] = await Promise.all([
        other.watch(directory, signal).finally(() => over.abort()),
        tellHeard(at, AbortSignal.any([signal, over.signal])),
      ]);
      cutOutMark(at);
      return end;
    },
  };
}

/** Whether a run directory is of a run that holds its end back. */
export function isAttachedRun(runs: string, directory: string): boolean {
  return readFacts(runFiles(runs, directory))?.hears === true;
}

async function tellHeard(at: RunFiles, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !isAllWritten(at)) await nextWrite(at.path, signal);
  if (!signal.aborted) pullLeash(at, 'heard');
}
