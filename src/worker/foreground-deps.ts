import type { RunEnd } from '../core/executor.ts';
import type { StopReason } from '../core/task.ts';
import type { RunDeps } from './deps.ts';

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
  /** Absolute path of the folder of run directories. */
  readonly runs: string;
  /** What a run has written so far and writes until its end, in order. */
  output(runDirectory: string, signal: AbortSignal): AsyncIterable<OutputPiece>;
  /** Calls back for each SIGINT, SIGTERM and SIGHUP that this process gets, until the returned function is called. */
  onSignal(listener: (signal: NodeJS.Signals) => void): () => void;
}

export interface OutputPiece {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

/** How the run ended, and why this process asked it to. */
export interface ForegroundEnd {
  readonly end: RunEnd;
  readonly stopReason: StopReason | null;
}

/** Resolves once more may come. A reader that went away is no reason to stop the task. */
export function writeAll(stream: NodeJS.WritableStream, bytes: Buffer): Promise<void> {
  if (stream.listenerCount('error') === 0) stream.on('error', () => {});
  return new Promise((resolve) => {
    stream.write(bytes, () => resolve());
  });
}
