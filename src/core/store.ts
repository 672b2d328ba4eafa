import type { ResolvedContext } from './context.ts';
import type { Session, SessionContext, SessionStatus } from './session.ts';
import type {
  Attempt,
  Lease,
  Outcome,
  StopReason,
  Task,
  TaskEvent,
  TaskSpec,
  TaskStateName,
} from './task.ts';

/**
 * Durable state. A promise that resolved is on disk; a promise that rejected changed nothing.
 * Calls made in the same turn of the event loop may share one transaction (group commit).
 *
 * Every write after a claim presents the lease; with a fence that is no longer current it
 * changes nothing and answers `lost`. Only the database's own clock decides what has expired.
 */
export interface Store extends AsyncDisposable {
  /** The same key and the same spec give the id that was given before; another spec is `KEY_CONFLICT`. */
  add(spec: TaskSpec): Promise<Added>;
  /** All of them in one transaction, or none. */
  addAll(specs: readonly TaskSpec[]): Promise<readonly Added[]>;
  /** In one transaction: a task that goes straight to this process, running (`berth run`). */
  addRunning(spec: TaskSpec, run: ForegroundRun): Promise<Claim>;
  task(id: number): Promise<Task | null>;
  tasks(filter: TaskFilter): Promise<readonly Task[]>;
  events(taskId: number): Promise<readonly TaskEvent[]>;
  counts(): Promise<Readonly<Record<TaskStateName, number>>>;

  /**
   * Match pending tasks with the idle sessions of this worker; priority, then age.
   * Empty as well when another process has taken the worker's name: the heartbeat says so.
   */
  claim(worker: string, limit: number): Promise<readonly Claim[]>;
  /**
   * Assigned to running, on disk before anything is started; `stop_requested` leaves an assigned task as it
   * is. A task that runs already (`addRunning`) gets its context. Neither may hold secret values.
   */
  started(lease: Lease, context: ResolvedContext): Promise<LeaseNews>;
  /** Running (or assigned) to finished; with `retryAtMs` back to pending instead. Frees the session. */
  finished(lease: Lease, outcome: Outcome, retryAtMs: number | null): Promise<LeaseNews>;
  /** Add a line to the history of a task that runs this attempt; of another one nothing is said. */
  note(note: TaskNote): Promise<void>;
  /** An assigned task that this worker will not start now goes back to pending; the attempt does not count. */
  release(lease: Lease, reason: string): Promise<LeaseNews>;

  /** Ask for a stop. A pending task finishes as `cancelled` at once. */
  requestStop(taskId: number, reason: StopReason, by: string): Promise<StopAnswer>;
  /** A finished task back to pending, as a new attempt. */
  retry(taskId: number): Promise<Task>;
  /** A pending task waits for this session from now on; null takes the target away. */
  reassign(taskId: number, session: string | null): Promise<Task>;
  /** Remove finished tasks that ended before; answers their run directories. */
  clear(endedBeforeMs: number): Promise<readonly string[]>;

  /** Take a worker name. Throws `WORKER_RUNNING` while its holder lives (see `isAlive`). */
  registerWorker(worker: WorkerIdentity, isAlive: (holder: WorkerIdentity) => boolean): Promise<void>;
  /** Renew the worker's lease; brings the stops asked of its running tasks. */
  heartbeat(worker: string): Promise<Heartbeat>;
  unregisterWorker(worker: string): Promise<void>;
  workers(): Promise<readonly WorkerRow[]>;
  /**
   * Running tasks that dead processes left, with a new fence: of earlier processes of this worker name,
   * and, given `isAlive`, of every other worker and foreground run of this host whose lease has ended
   * and whose process is gone. What they had not started goes back to pending by itself.
   */
  adopt(worker: string, isAlive?: (holder: WorkerIdentity) => boolean): Promise<readonly Claim[]>;

  sessions(): Promise<readonly Session[]>;
  /** Make or refresh a session row that this worker owns. */
  putSession(session: SessionRow): Promise<void>;
  removeSession(name: string): Promise<boolean>;
  /**
   * Only the facts that are given change.
   *
   * @param onlyIn  id of the container that the facts are about: a session that is in another one by now stays as it is
   * @returns       whether there is such a session
   */
  updateSession(
    name: string,
    facts: Partial<SessionContext> & { readonly status?: SessionStatus },
    onlyIn?: string | null,
  ): Promise<boolean>;

  /** At most so many tasks of a group at a time; null takes the limit away. */
  setGroup(name: string, maxRunning: number | null): Promise<void>;
  /** Groups that have a limit, are paused, or have unfinished tasks. */
  groups(): Promise<readonly Group[]>;
  /**
   * Start nothing more of it until it is resumed, or until its limit ends; what runs goes on.
   * False when it was so already. `pauses` also has limits that have ended, until the next pause.
   */
  pause(what: Pausable): Promise<boolean>;
  resume(what: Pausable): Promise<boolean>;
  pauses(): Promise<readonly Pausable[]>;

  /** What contradicts the rules of the queue, one sentence each. Looks only. */
  problems(): Promise<readonly string[]>;
  facts(): Promise<StoreFacts>;
  /** Rows of all tables in an order in which they can be put back; workers, which are processes, are left out. */
  rows(): AsyncIterable<StoredRow>;
  /**
   * Put rows into an empty queue, in one transaction. Throws `NAME_TAKEN` when it is not empty.
   * @param host  what a machine that is `local` in the rows is called in this queue
   */
  putRows(rows: Iterable<StoredRow>, host: string): Promise<number>;

  /** Resolves when something may have changed (a second at the latest), or when the signal aborts. A hint: look again. */
  changed(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface TaskNote {
  readonly taskId: number;
  readonly attempt: number;
  readonly kind: string;
  readonly reason: string | null;
}

/** Something that can be paused. */
export type Pausable =
  | { readonly kind: 'queue' }
  | { readonly kind: 'group' | 'session'; readonly name: string }
  /** Prompts for this agent; a limit ends by itself. */
  | { readonly kind: 'provider'; readonly name: string; readonly limit: ProviderLimit | null };

/** A provider said that it serves no more for now. */
export interface ProviderLimit {
  /** Unix milliseconds. */
  readonly untilMs: number;
  /** Its own words. */
  readonly reason: string;
}

export interface Group {
  readonly name: string;
  /** null: no limit. */
  readonly maxRunning: number | null;
  readonly paused: boolean;
  readonly pending: number;
  /** Assigned or running. */
  readonly running: number;
}

export interface StoreFacts {
  readonly engine: 'sqlite' | 'postgres';
  /** Where it is, without a password. */
  readonly place: string;
  readonly version: string;
  readonly schema: number;
  /** Other machines can use it too. */
  readonly shared: boolean;
  readonly bytes: number;
  /** How long a small question took. */
  readonly answerMs: number;
  /** To the database server; null where there is none. */
  readonly server: ServerFacts | null;
}

export interface ServerFacts {
  readonly connections: number;
  readonly maxConnections: number;
  /** Since when the oldest transaction of this database has been open; null when none is. */
  readonly oldestTransactionMs: number | null;
}

/** A row as it is in its table. */
export interface StoredRow {
  readonly table: string;
  readonly row: Readonly<Record<string, string | number | null>>;
}

export interface Added {
  readonly id: number;
  /** False when the idempotency key was known. */
  readonly created: boolean;
}

/** A task in this worker's hands. `state` is `assigned` (fresh) or `running` (left by an earlier process). */
export interface Claim {
  readonly lease: Lease;
  readonly task: Task;
  readonly attempt: Attempt;
}

/** What a fenced write learns. */
export type LeaseNews = 'kept' | 'lost' | 'stop_requested';

export type StopAnswer = 'stopping' | 'cancelled' | 'already_finished' | 'not_found';

export interface ForegroundRun {
  readonly host: string;
  /** Process that holds the run, for recovery. */
  readonly worker: WorkerIdentity;
}

/** A process on a host, so that its death can be proven: pid, start time and boot id. */
export interface WorkerIdentity {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, or the start time as the platform gives it. */
  readonly startTime: string;
  readonly bootId: string;
}

export interface WorkerRow extends WorkerIdentity {
  readonly startedAtMs: number;
  readonly leaseUntilMs: number;
  readonly slots: number;
}

export interface Heartbeat {
  readonly kept: boolean;
  readonly stops: readonly { readonly taskId: number; readonly reason: StopReason }[];
}

export interface SessionRow {
  readonly name: string;
  readonly host: string;
  readonly kind: 'tmux' | 'headless';
  readonly provider: string | null;
  readonly worker: string | null;
}

export interface TaskFilter {
  readonly states?: readonly TaskStateName[];
  readonly outcomes?: readonly Outcome['kind'][];
  readonly ids?: readonly number[];
  /** Newest first; at most this many. */
  readonly limit: number;
}
