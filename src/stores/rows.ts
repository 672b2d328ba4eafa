import type { ResolvedContext } from '../core/context.ts';
import type { ErrorCode } from '../core/errors.ts';
import type {
  Attempt,
  Lease,
  Outcome,
  OutcomeKind,
  QueueRequest,
  StopReason,
  Task,
  TaskEvent,
  TaskSpec,
  TaskState,
  TaskStateName,
} from '../core/task.ts';
import type { SqlValue } from './driver.ts';

/** A row of `tasks`; the columns are described in the migrations. */
export interface TaskRow extends OutcomeColumns {
  readonly id: number;
  readonly idempotency_key: string | null;
  readonly spec: string;
  readonly spec_hash: string;
  readonly content: string;
  readonly host: string;
  readonly directory: string;
  readonly priority: number;
  readonly group_name: string | null;
  readonly lane: string;
  readonly state: TaskStateName;
  readonly run_at_ms: number;
  readonly attempt: number;
  readonly fence: number;
  readonly worker: string | null;
  readonly worker_epoch: number | null;
  readonly session: string | null;
  readonly worker_deaths: number;
  readonly stop_requested: StopReason | null;
  readonly created_at_ms: number;
  readonly assigned_at_ms: number | null;
  readonly started_at_ms: number | null;
  readonly finished_at_ms: number | null;
}

export interface AttemptRow extends OutcomeColumns {
  readonly task_id: number;
  readonly number: number;
  readonly fence: number;
  readonly worker: string;
  readonly host: string;
  readonly session: string;
  readonly context: string | null;
  readonly run_directory: string;
  readonly assigned_at_ms: number;
  readonly started_at_ms: number | null;
  readonly finished_at_ms: number | null;
}

/** How an outcome is kept, in `tasks` and in `attempts`. */
export interface OutcomeColumns {
  readonly outcome: OutcomeKind | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly oom: number | null;
  readonly cause: string | null;
  readonly error_code: string | null;
  readonly hint: string | null;
}

export interface EventRow {
  readonly task_id: number;
  readonly at_ms: number;
  readonly kind: string;
  readonly worker: string | null;
  readonly reason: string | null;
}

/** @param attempts  of this task, oldest first */
export function taskOf(row: TaskRow, attempts: readonly AttemptRow[]): Task {
  return {
    id: row.id,
    spec: specOf(row),
    specHash: row.spec_hash,
    state: stateOf(row),
    stopRequested: row.stop_requested,
    createdAtMs: row.created_at_ms,
    assignedAtMs: row.assigned_at_ms,
    startedAtMs: row.started_at_ms,
    attempts: attempts.map(attemptOf),
  };
}

function stateOf(row: TaskRow): TaskState {
  switch (row.state) {
    case 'pending':
      return { name: 'pending', runAtMs: row.run_at_ms };
    case 'assigned':
      return { name: 'assigned', lease: leaseOf(row), assignedAtMs: row.assigned_at_ms ?? 0 };
    case 'running':
      return { name: 'running', lease: leaseOf(row), startedAtMs: row.started_at_ms ?? 0 };
    case 'finished':
      return { name: 'finished', endedAtMs: row.finished_at_ms ?? 0, outcome: outcomeOf(row) };
  }
}

export function leaseOf(row: TaskRow): Lease {
  const { id: taskId, attempt, fence, worker, session } = row;
  return { taskId, attempt, fence, worker: worker ?? '', session: session ?? '' };
}

export function attemptOf(row: AttemptRow): Attempt {
  return {
    number: row.number,
    fence: row.fence,
    worker: row.worker,
    host: row.host,
    session: row.session,
    assignedAtMs: row.assigned_at_ms,
    startedAtMs: row.started_at_ms,
    finishedAtMs: row.finished_at_ms,
    context: row.context === null ? null : (JSON.parse(row.context) as ResolvedContext),
    outcome: row.outcome === null ? null : outcomeOf(row),
    runDirectory: row.run_directory,
  };
}

function outcomeOf(row: OutcomeColumns): Outcome {
  const cause = row.cause ?? '';
  switch (row.outcome) {
    case 'succeeded':
      return { kind: 'succeeded' };
    case 'failed': {
      const oom = row.oom === null ? null : row.oom === 1;
      return { kind: 'failed', exitCode: row.exit_code ?? 1, signal: row.signal, oom, cause: row.cause };
    }
    case 'not_started': {
      const code = (row.error_code ?? 'INTERNAL') as ErrorCode;
      return { kind: 'not_started', code, message: cause, hint: row.hint ?? '' };
    }
    case 'cancelled':
    case 'timed_out':
    case 'lost':
      return { kind: row.outcome, cause };
    case null:
      return { kind: 'lost', cause: 'no outcome was recorded' };
  }
}

export function outcomeColumns(outcome: Outcome): Readonly<Record<keyof OutcomeColumns, SqlValue>> {
  const empty = { exit_code: null, signal: null, oom: null, cause: null, error_code: null, hint: null };
  switch (outcome.kind) {
    case 'succeeded':
      return { ...empty, outcome: outcome.kind, exit_code: 0 };
    case 'failed': {
      const { kind, exitCode, signal, cause } = outcome;
      const oom = outcome.oom === null ? null : Number(outcome.oom);
      return { ...empty, outcome: kind, exit_code: exitCode, signal, oom, cause };
    }
    case 'not_started': {
      const { kind, code, message, hint } = outcome;
      return { ...empty, outcome: kind, cause: message, error_code: code, hint };
    }
    case 'cancelled':
    case 'timed_out':
    case 'lost':
      return { ...empty, outcome: outcome.kind, cause: outcome.cause };
  }
}

/** No outcome, as the columns say it. */
export const NO_OUTCOME: Readonly<Record<keyof OutcomeColumns, null>> = {
  outcome: null,
  exit_code: null,
  signal: null,
  oom: null,
  cause: null,
  error_code: null,
  hint: null,
};

/** What the sender asked of the queue. */
export function queueOf(row: TaskRow): QueueRequest {
  return specOf(row).queue;
}

/** A damaged spec never runs (`SPEC_CORRUPT`); what the columns still tell of it can be shown. */
export function specOf(row: TaskRow): TaskSpec {
  try {
    return JSON.parse(row.spec) as TaskSpec;
  } catch {
    return {
      payload: { kind: 'line', line: row.content },
      context: {
        host: row.host,
        workdir: row.directory,
        env: {},
        prereqs: [],
        gitBranch: null,
        worktree: false,
        venv: { kind: 'off' },
        container: null,
      },
      queue: {
        priority: row.priority,
        timeoutMs: null,
        idleTimeoutMs: null,
        graceMs: 10_000,
        retries: 0,
        onLost: 'hold',
        delayMs: 0,
        key: row.idempotency_key,
        group: row.group_name,
        after: [],
        target: null,
        providers: [],
        matchContext: true,
      },
    };
  }
}

export function eventOf(row: EventRow): TaskEvent {
  return { taskId: row.task_id, atMs: row.at_ms, kind: row.kind, worker: row.worker, reason: row.reason };
}
