import type { Command } from './command.ts';
import type { Outcome, StopReason } from './task.ts';

/** What one attempt runs, ready to be written into its run directory. */
export interface RunSpec {
  readonly task: number;
  readonly attempt: number;
  /** Name below `runs/`: `<task>-<attempt>`. */
  readonly directory: string;
  /** POSIX sh text that runs in the box: preparation and the task (see core/script.ts). */
  readonly script: string;
  /** The process on the host that reads the script on its stdin: `docker exec -i ID sh`, or `sh`. */
  readonly entry: Command;
  /** A box holds the leash by stdin; without a box signals do. */
  readonly leash: 'stdin' | 'signal';
  readonly graceMs: number;
  readonly timeoutMs: number | null;
}

/** How a run ended, as far as its own record tells. */
export type RunEnd =
  /** The supervisor's end mark was found. */
  | { readonly kind: 'ended'; readonly report: RunReport }
  /** No end mark and no process. */
  | { readonly kind: 'vanished'; readonly exitCode: number | null; readonly stderrTail: string };

/** The supervisor's last words. */
export interface RunReport {
  /** `exit`: the task ended by itself. `refused`: preparation failed, the task never ran. `stopped`: ended on request. */
  readonly kind: 'exit' | 'refused' | 'stopped';
  readonly exitCode: number;
  /** For `refused`: the step that failed; for `stopped`: who asked. */
  readonly reason: string | null;
  /** For `stopped`: whether every process of the task is verified gone. */
  readonly gone: boolean;
}

/**
 * Starts, watches and stops runs. The run directory is the only state, so that any
 * process on the host can take over at any instant.
 */
export interface Executor {
  readonly kind: 'headless' | 'tmux';
  /** Start once: a second call for the same directory starts nothing and answers `already`. */
  start(run: RunSpec): Promise<'started' | 'already'>;
  /** Resolves at the end of a run, fresh or left by another process. */
  watch(directory: string, signal: AbortSignal): Promise<RunEnd>;
  /** Ask for a stop; TERM to the whole tree, KILL after the grace. `watch` tells the end. */
  stop(directory: string, reason: StopReason, graceMs: number): Promise<void>;
  /** `absent`: never started. `running`, `ended`, or `vanished` without an end mark. */
  state(directory: string): Promise<'absent' | 'running' | 'ended' | 'vanished'>;
}

export type { Outcome };
