/**
 * Every failure a user can meet has a code that never changes, one sentence that
 * contains the value that was wrong, and one next step.
 *
 * The number beside a code is the exit status of verbs that only look or act
 * (`berth detect`, `berth list` ...). Verbs that run a task (`run`, `wait`,
 * `send --wait`) exit 125 for every code that ends an attempt as `not_started`.
 */
export const ERROR_EXITS = {
  // what was typed
  USAGE: 64,
  UNKNOWN_OPTION: 64,
  UNKNOWN_COMMAND: 64,
  INVALID_VALUE: 64,
  CONTEXT_CONFLICT: 64,
  // what was read
  BAD_DATA: 65,
  COMPOSE_INVALID: 65,
  DEVCONTAINER_INVALID: 65,
  ENV_FILE_INVALID: 65,
  DIRECTORY_NOT_FOUND: 66,
  FILE_NOT_FOUND: 66,
  // what is not there, or does not answer
  RUNTIME_UNAVAILABLE: 69,
  HOST_UNREACHABLE: 69,
  HOST_UNKNOWN: 69,
  IMAGE_MISSING: 69,
  BUILD_NEEDED: 69,
  CONTAINER_NOT_FOUND: 69,
  CONTAINER_NOT_RUNNING: 69,
  CONTAINER_CREATED: 69,
  CONTAINER_PAUSED: 69,
  CONTAINER_RESTARTING: 69,
  SERVICE_NOT_RUNNING: 69,
  SERVICE_NOT_FOUND: 69,
  PORT_TAKEN: 69,
  TMUX_UNSUPPORTED: 69,
  TMUX_FAILED: 69,
  TMUX_GONE: 69,
  SESSION_GONE: 69,
  AGENT_NOT_FOUND: 69,
  PROMPT_NOT_SUBMITTED: 69,
  SHELL_NOT_READY: 69,
  PROJECT_MISMATCH: 69,
  KUBECONFIG_MISSING: 69,
  KUBE_CONTEXT_NOT_FOUND: 69,
  CLUSTER_UNREACHABLE: 69,
  CLUSTER_UNAUTHORIZED: 69,
  KUBE_FORBIDDEN: 77,
  POD_NOT_FOUND: 69,
  POD_NOT_READY: 69,
  NO_REPLICAS: 69,
  JOB_REFUSED: 69,
  JOB_UNSCHEDULABLE: 69,
  INTERNAL: 70,
  TASK_NOT_FOUND: 1,
  SESSION_NOT_FOUND: 1,
  NOTHING_MATCHED: 1,
  CONTEXT_AMBIGUOUS: 1,
  CONTAINER_NOT_DETECTED: 1,
  // where state lives
  WORKER_RUNNING: 73,
  STATE_NOT_WRITABLE: 73,
  FILE_EXISTS: 73,
  NAME_TAKEN: 73,
  IO: 74,
  ENGINE_ERROR: 74,
  TRY_AGAIN: 75,
  KEY_CONFLICT: 77,
  POLICY: 77,
  CONFIG_INVALID: 78,
  SCHEMA_NEWER: 78,
  STATE_UNSUPPORTED: 78,
  // why an attempt did not start
  CONTEXT_INCOMPLETE: 69,
  CONTEXT_MISMATCH: 69,
  DIRECTORY_NOT_MAPPED: 69,
  BRANCH_MISMATCH: 69,
  PREREQUISITE_FAILED: 69,
  PROGRAM_NOT_FOUND: 69,
  PROGRAM_NOT_EXECUTABLE: 69,
  USER_NOT_FOUND: 69,
  NO_SHELL: 69,
  TOOLCHAIN_MISSING: 69,
  SPEC_CORRUPT: 65,
  DEPENDENCY_FAILED: 69,
} as const;

export type ErrorCode = keyof typeof ERROR_EXITS;

export interface ErrorFacts extends ErrorOptions {
  readonly code: ErrorCode;
  /** One thing the reader can do next. */
  readonly hint: string;
}

export class BerthError extends Error {
  override readonly name = 'BerthError';
  readonly code: ErrorCode;
  readonly hint: string;

  /** @param message  one sentence: what happened, to what, with the value that was wrong */
  constructor(message: string, facts: ErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.hint = facts.hint;
  }

  get exitCode(): number {
    return ERROR_EXITS[this.code];
  }
}

/** The sentence of anything that was thrown; never a stack trace. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
