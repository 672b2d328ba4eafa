import type { Command } from './command.ts';

/**
 * A machine. The only place where processes start.
 */
export interface Host {
  readonly name: string;

  /** Run a short helper to its end: stdin closed or `input`, a deadline always. Never throws for a bad exit. */
  exec(command: Command, options: ExecOptions): Promise<ExecResult>;

  /** Start a process that outlives this one, in its own session, with its streams on files. */
  launch(command: Command, files: LaunchFiles): Promise<Launched>;

  /** Start a process that shares this process's life; streams as given (Node's stdio words or file descriptors). */
  spawn(command: Command, options: SpawnOptions): Spawned;

  /** Send a signal to one process; one that is gone is no error. */
  signal(pid: number, signal: NodeJS.Signals): void;

  /** Whether the process that had this pid and start time is still there. */
  isAlive(process: ProcessRef): boolean;

  /** Pid, start time and boot id of this very process. */
  readonly self: ProcessRef;

  /** In which the pids of this process count; empty where the system has no such thing. */
  readonly pidNamespace: string;
}

export interface ExecOptions {
  readonly timeoutMs: number;
  readonly input?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Bytes kept of each stream; more is an error. Default 64 MiB. */
  readonly maxBytes?: number;
}

export interface ExecResult {
  /** Null when the program could not be started or was ended by a signal. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is no exit code. */
  readonly failure: 'not_found' | 'not_executable' | 'timeout' | 'signal' | 'aborted' | null;
}

export interface LaunchFiles {
  readonly stdout: string;
  readonly stderr: string;
}

export interface Launched {
  readonly pid: number;
  /** Resolves when the process ends while this process lives; null code when ended by a signal. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

export interface ProcessRef {
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
}

export interface SpawnOptions {
  readonly stdin: 'inherit' | 'pipe' | 'ignore';
  readonly stdout: 'inherit' | 'pipe' | 'ignore';
  readonly stderr: 'inherit' | 'pipe' | 'ignore';
  /** Own session, so that a Ctrl-C of the terminal reaches only us. */
  readonly detached: boolean;
}

export interface Spawned {
  readonly pid: number;
  readonly stdin: NodeJS.WritableStream | null;
  readonly stdout: NodeJS.ReadableStream | null;
  readonly stderr: NodeJS.ReadableStream | null;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  kill(signal: NodeJS.Signals): void;
  /** Close our ends of its output: what still holds the other ends is no concern of ours. */
  release(): void;
  /** It no longer keeps this process from ending; its stdin closes then. */
  unref(): void;
}
