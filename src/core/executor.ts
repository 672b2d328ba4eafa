import type { Command } from './command.ts';
import type { ErrorCode } from './errors.ts';
import type { Place } from './runtime.ts';

/** What one attempt runs, ready to be written into its run directory. */
export interface RunSpec {
  readonly task: number;
  readonly attempt: number;
  /** Name below `runs/`: `<task>-<attempt>`. */
  readonly directory: string;
  /** Known to the two ends of the run: marks the supervisor's words on stderr. */
  readonly nonce: string;
  /** POSIX sh text that runs in the box: preparation and the task (see core/script.ts). */
  readonly script: string;
  /** The task's environment as shell text; the only text with its values, removed once read. */
  readonly environment: string;
  /** The process on the host that reads the script on its stdin: `docker exec -i ID sh`; null without a box. */
  readonly entry: Command | null;
  /** A box holds the leash by stdin; without a box signals do. */
  readonly leash: 'stdin' | 'signal';
  /** Start it from the shell of the session. */
  readonly inShell?: boolean;
  /**
   * With `inShell`: the script for a shell that turns out to be on another machine, or in a box that berth did not
   * resolve. It runs where that shell is, without a directory of ours, and stdin holds it. Left out: `script` does.
   */
  readonly elsewhere?: string;
  /**
   * The script for a run that hangs on a client that drops what comes late: its end is held back until "heard" comes
   * on its leash. Left out: nobody needs it.
   */
  readonly hearing?: string;
  /** `script` is the hearing one. */
  readonly hears?: boolean;
  /** Where it runs, for executors that do more than start `entry`. */
  readonly place?: Place;
  readonly limits?: { readonly graceMs: number; readonly timeoutMs: number | null };
}

/** How a run ended, as far as its own record tells. */
export type RunEnd =
  /** The supervisor's end mark was found. */
  | { readonly kind: 'ended'; readonly report: RunReport }
  /** No end mark and no process. */
  | {
      readonly kind: 'vanished';
      readonly exitCode: number | null;
      readonly stderrTail: string;
      readonly stdoutTail: string;
      /** What happened to the machine meanwhile, as far as it shows: the end of a sentence. */
      readonly cause?: string;
      /** `BERTH_RUN` of its processes, by which what is left of them is found in a box; left out where nothing can be. */
      readonly nonce?: string;
      /** Why it was never let in; given only where nothing of the task ran for certain. */
      readonly turnedAway?: { readonly code: ErrorCode; readonly message: string; readonly hint: string };
    };

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
  /** Resolves at the end of a run, fresh or left by another process; rejects with AbortError when given up. */
  watch(directory: string, signal: AbortSignal): Promise<RunEnd>;
  /** Ask for a stop: TERM to the whole tree, KILL after the grace. Safe to repeat; `watch` tells the end. */
  stop(directory: string): Promise<void>;
  /**
   * End what holds a run in a box from here, when the engine between answers nothing: `watch` tells that it vanished.
   * Left out where nothing of ours holds runs.
   */
  abandon?(directory: string): Promise<void>;
  /** Tidy up a run whose outcome is on disk: strips the supervisor's words from its stderr, writes `exit`. Safe to repeat. */
  seal(directory: string, end: RunEnd): Promise<void>;
  /** `absent`: never started. `running`, `ended`, or `vanished` without an end mark. */
  state(directory: string): Promise<'absent' | 'running' | 'ended' | 'vanished'>;
}
