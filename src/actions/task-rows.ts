import { shellQuote } from '../core/command.ts';
import type { Attempt, Outcome, Payload, Task } from '../core/task.ts';

/** One row of `berth list --json`: the columns of the table `tasks` that people may rely on. */
export interface TaskRow {
  readonly id: number;
  readonly idempotency_key: string | null;
  readonly kind: Payload['kind'];
  readonly content: string;
  readonly host: string;
  readonly directory: string;
  readonly priority: number;
  readonly group_name: string | null;
  readonly state: Task['state']['name'];
  readonly attempt: number;
  readonly worker: string | null;
  readonly session: string | null;
  readonly stop_requested: string | null;
  readonly outcome: Outcome['kind'] | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly oom: boolean | null;
  readonly cause: string | null;
  readonly error_code: string | null;
  readonly hint: string | null;
  readonly created_at_ms: number;
  readonly assigned_at_ms: number | null;
  readonly started_at_ms: number | null;
  readonly finished_at_ms: number | null;
}

export function taskRow(task: Task): TaskRow {
  const { state, spec } = task;
  const lease = state.name === 'assigned' || state.name === 'running' ? state.lease : null;
  return {
    id: task.id,
    idempotency_key: spec.queue.key,
    kind: spec.payload.kind,
    content: contentOf(spec.payload),
    host: spec.context.host,
    directory: spec.context.workdir,
    priority: spec.queue.priority,
    group_name: spec.queue.group,
    state: state.name,
    attempt: task.attempts.at(-1)?.number ?? 0,
    worker: lease?.worker ?? null,
    session: lease?.session ?? null,
    stop_requested: task.stopRequested,
    ...outcomeColumns(state.name === 'finished' ? state.outcome : null),
    created_at_ms: task.createdAtMs,
    assigned_at_ms: task.assignedAtMs,
    started_at_ms: task.startedAtMs,
    finished_at_ms: state.name === 'finished' ? state.endedAtMs : null,
  };
}

/** `berth show --json`; times are ISO 8601 UTC. */
export interface TaskView {
  readonly id: number;
  readonly kind: Payload['kind'];
  readonly content: string;
  readonly state: Task['state']['name'];
  readonly outcome: Outcome['kind'] | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly oom: boolean | null;
  readonly cause: string | null;
  readonly error_code: string | null;
  readonly hint: string | null;
  readonly priority: number;
  readonly session: string | null;
  readonly host: string;
  /** What the request meant at the latest attempt; null before one. */
  readonly context: Attempt['context'];
  readonly request: Task['spec']['context'];
  readonly queue: Task['spec']['queue'];
  readonly attempts: readonly AttemptView[];
  readonly created_at: string;
  readonly assigned_at: string | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /** File with the output of the latest attempt; `err.log` stands beside it. */
  readonly log: string | null;
  readonly warnings: readonly string[];
}

export interface AttemptView {
  readonly number: number;
  readonly worker: string;
  readonly host: string;
  readonly session: string;
  readonly outcome: Outcome['kind'] | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly oom: boolean | null;
  readonly cause: string | null;
  readonly error_code: string | null;
  readonly hint: string | null;
  readonly assigned_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly run_directory: string;
}

/** @param runPath  absolute path of a run directory */
export function taskView(task: Task, runPath: (directory: string) => string): TaskView {
  const { state, spec } = task;
  const latest = task.attempts.at(-1);
  return {
    id: task.id,
    kind: spec.payload.kind,
    content: contentOf(spec.payload),
    state: state.name,
    ...outcomeColumns(state.name === 'finished' ? state.outcome : null),
    priority: spec.queue.priority,
    session: latest?.session ?? spec.queue.target,
    host: spec.context.host,
    context: latest?.context ?? null,
    request: spec.context,
    queue: spec.queue,
    attempts: task.attempts.map((attempt) => attemptView(attempt, runPath)),
    created_at: iso(task.createdAtMs),
    assigned_at: isoOrNull(task.assignedAtMs),
    started_at: isoOrNull(task.startedAtMs),
    finished_at: state.name === 'finished' ? iso(state.endedAtMs) : null,
    log: latest?.startedAtMs && !isForeground(latest) ? `${runPath(latest.runDirectory)}/out.log` : null,
    warnings: latest?.context?.warnings ?? [],
  };
}

/** An attempt of `berth run`: its output went to the caller and was not kept. */
export function isForeground({ session }: Attempt): boolean {
  return /\/run-\d+$/.test(session);
}

/** A payload as a person would type it. */
export function contentOf(payload: Payload): string {
  switch (payload.kind) {
    case 'line':
      return payload.line;
    case 'argv':
      return shellQuote(payload.argv);
    case 'prompt':
      return payload.text;
  }
}

function attemptView(attempt: Attempt, runPath: (directory: string) => string): AttemptView {
  return {
    number: attempt.number,
    worker: attempt.worker,
    host: attempt.host,
    session: attempt.session,
    ...outcomeColumns(attempt.outcome),
    assigned_at: iso(attempt.assignedAtMs),
    started_at: isoOrNull(attempt.startedAtMs),
    finished_at: isoOrNull(attempt.finishedAtMs),
    run_directory: runPath(attempt.runDirectory),
  };
}

function outcomeColumns(outcome: Outcome | null): OutcomeColumns {
  const none = { exit_code: null, signal: null, oom: null, cause: null, error_code: null, hint: null };
  if (outcome === null) return { outcome: null, ...none };
  switch (outcome.kind) {
    case 'succeeded':
      return { ...none, outcome: outcome.kind, exit_code: 0 };
    case 'failed':
      return {
        ...none,
        outcome: outcome.kind,
        exit_code: outcome.exitCode,
        signal: outcome.signal,
        oom: outcome.oom,
        cause: outcome.cause,
      };
    case 'not_started':
      return {
        ...none,
        outcome: outcome.kind,
        cause: outcome.message,
        error_code: outcome.code,
        hint: outcome.hint,
      };
    default:
      return { ...none, outcome: outcome.kind, cause: outcome.cause };
  }
}

type OutcomeColumns = Pick<
  TaskRow,
  'outcome' | 'exit_code' | 'signal' | 'oom' | 'cause' | 'error_code' | 'hint'
>;

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
