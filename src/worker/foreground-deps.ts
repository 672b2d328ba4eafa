import type { RunEnd } from '../core/executor.ts';
import type { SpawnOptions } from '../core/host.ts';
import type { OutputTaker } from '../core/supervised.ts';
import type { StopReason } from '../core/task.ts';
import type { RunDeps } from './deps.ts';
import type { HeadStart } from './head-start.ts';
import type { PlanFacts } from './plan.ts';

export interface ForegroundStreams {
  /** `none`: the caller's stdin is left alone. `terminal`: the caller's terminal is the task's. */
  readonly stdin: 'none' | 'forward' | 'terminal';
  /** Takes the output; null leaves it to the caller's own stdout and stderr. */
  readonly output: ((stream: 'stdout' | 'stderr', bytes: Buffer) => Promise<void>) | null;
  /** Learns the id before anything starts. */
  started(id: number): void;
  /** Learns the warnings of the place before anything runs. */
  resolved(warnings: readonly string[]): void;
}

export interface ForegroundDeps extends RunDeps {
  /** Made with `clientStreams`; left out: made when the run begins. */
  readonly head?: HeadStart;
  /** Absolute path of the folder of run directories. */
  readonly runs: string;
  /** What a run has written so far and writes until its end, in order. */
  output(runDirectory: string, signal: AbortSignal): AsyncIterable<OutputPiece>;
  /** Calls back for each SIGINT, SIGTERM and SIGHUP that this process gets, until the returned function is called. */
  onSignal(listener: (signal: NodeJS.Signals) => void): () => void;
}

/** What a run in the foreground is made of. */
export interface ForegroundFacts extends PlanFacts {
  readonly enter: HeadStart['enter'];
}

export interface OutputPiece {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

/** How the run ended, and why this process asked it to. */
export interface ForegroundEnd {
  readonly end: RunEnd;
  readonly stopReason: StopReason | null;
  /** Resolves when its streams are closed; left out where they are. */
  readonly over?: Promise<unknown>;
}

/** Streams of the client that enters the place, and of the guard beside a program that has the caller's own. */
export function clientStreams({ stdin, output }: Pick<ForegroundStreams, 'stdin' | 'output'>): SpawnOptions {
  const passedOn = stdin !== 'none' || output !== null;
  return { stdin: 'pipe', stdout: passedOn ? 'pipe' : 'inherit', stderr: 'pipe', detached: true };
}

/**
 * Takes the output for the caller. Resolves once more may come.
 *
 * @param gone  called when nobody reads the caller's stdout any more, as after `head`
 */
export function takerFor(
  { output }: Pick<ForegroundStreams, 'output'>,
  gone: () => void = () => {},
): OutputTaker['write'] {
  if (output !== null) return output;
  return async (stream, bytes) => {
    if (!(await writeAll(process[stream], bytes)) && stream === 'stdout') gone();
  };
}

/** Whether it was written. */
function writeAll(stream: NodeJS.WritableStream, bytes: Buffer): Promise<boolean> {
  if (stream.listenerCount('error') === 0) stream.on('error', () => {});
  return new Promise((resolve) => {
    stream.write(bytes, (error) => resolve(!error));
  });
}
