import type { ContextRequest, ResolvedContext } from './context.ts';
import type { ErrorCode } from './errors.ts';

/** What is to be done. A `line` is run by `sh -c` in the box; an `argv` is started as it is. */
export type Payload =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'argv'; readonly argv: readonly string[] }
  | {
      readonly kind: 'prompt';
      readonly text: string;
      readonly provider: string | null;
      /** A turn of the agent's own without a terminal, in any slot; otherwise it needs a session. */
      readonly headless?: boolean;
    };

export type OnLost = 'hold' | 'retry' | 'fail';

/** A task as it was sent: immutable, hashed, plain JSON. */
export interface TaskSpec {
  readonly payload: Payload;
  readonly context: ContextRequest;
  readonly queue: QueueRequest;
}

export interface QueueRequest {
  /** 0 (last) to 10 (first). */
  readonly priority: number;
  readonly timeoutMs: number | null;
  readonly idleTimeoutMs: number | null;
  readonly graceMs: number;
  /** Further attempts after the first. */
  readonly retries: number;
  readonly onLost: OnLost;
  /** Earliest start, counted from sending. */
  readonly delayMs: number;
  /** Idempotency key. */
  readonly key: string | null;
  readonly group: string | null;
  /** Ids of tasks that must have succeeded. */
  readonly after: readonly number[];
  /** Name of the one session that may run it. */
  readonly target: string | null;
  readonly providers: readonly string[];
  readonly matchContext: boolean;
  /** Run in the shell of the target session, with what is set there, instead of a window of its own. */
  readonly inShell?: boolean;
}

/** Proof that one worker holds one task. Every later write presents it. */
export interface Lease {
  readonly taskId: number;
  readonly attempt: number;
  /** Grows by one each time the task is handed out. */
  readonly fence: number;
  readonly worker: string;
  readonly session: string;
}

export type TaskStateName = 'pending' | 'assigned' | 'running' | 'finished';

/** Each state carries exactly what is known in it. Times are Unix milliseconds. */
export type TaskState =
  | { readonly name: 'pending'; readonly runAtMs: number }
  | { readonly name: 'assigned'; readonly lease: Lease; readonly assignedAtMs: number }
  | { readonly name: 'running'; readonly lease: Lease; readonly startedAtMs: number }
  | { readonly name: 'finished'; readonly endedAtMs: number; readonly outcome: Outcome };

export type OutcomeKind = 'succeeded' | 'failed' | 'cancelled' | 'timed_out' | 'not_started' | 'lost';

/** How an attempt ended. `failed` is the program's own doing; `not_started` means that nothing of the task ran. */
export type Outcome =
  | { readonly kind: 'succeeded' }
  | {
      readonly kind: 'failed';
      readonly exitCode: number;
      readonly signal: string | null;
      readonly oom: boolean | null;
      readonly cause: string | null;
    }
  | { readonly kind: 'cancelled'; readonly cause: string }
  | { readonly kind: 'timed_out'; readonly cause: string }
  | {
      readonly kind: 'not_started';
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string;
    }
  | { readonly kind: 'lost'; readonly cause: string };

export interface Task {
  readonly id: number;
  readonly spec: TaskSpec;
  /** SHA-256 of the spec, checked before launch. */
  readonly specHash: string;
  readonly state: TaskState;
  readonly stopRequested: StopReason | null;
  readonly createdAtMs: number;
  readonly assignedAtMs: number | null;
  readonly startedAtMs: number | null;
  /** Oldest first. */
  readonly attempts: readonly Attempt[];
}

export type StopReason = 'cancelled' | 'timed_out' | 'idle';

export interface Attempt {
  readonly number: number;
  readonly fence: number;
  readonly worker: string;
  readonly host: string;
  readonly session: string;
  readonly assignedAtMs: number;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly context: ResolvedContext | null;
  readonly outcome: Outcome | null;
  /** Name of the run directory below `runs/`. */
  readonly runDirectory: string;
}

/** One line of a task's history; answers `why` and `show`. */
export interface TaskEvent {
  readonly taskId: number;
  readonly atMs: number;
  readonly kind: string;
  readonly worker: string | null;
  readonly reason: string | null;
}

/** The shell's number for an outcome: what `run`, `wait` and `send --wait` exit with. */
export function exitCodeOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'succeeded':
      return 0;
    case 'failed':
      return outcome.exitCode;
    case 'cancelled':
      return 130;
    case 'timed_out':
      return 124;
    case 'not_started':
      return 125;
    case 'lost':
      return 70;
  }
}
