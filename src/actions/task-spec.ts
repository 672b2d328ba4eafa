import type { ContextRequest } from '../core/context.ts';
import type { Settings } from '../core/settings.ts';
import type { Payload, QueueRequest, TaskSpec } from '../core/task.ts';
import type { Deps } from './deps.ts';
import { keepSecrets } from './secrets.ts';

/** A task as someone asks for it: what is left out of `queue` comes from the settings. */
export interface TaskRequest {
  readonly payload: Payload;
  readonly context: ContextRequest;
  readonly queue: Partial<QueueRequest>;
}

export interface PreparedSpec {
  readonly spec: TaskSpec;
  /** Undo what was written for it, when the store did not take it. */
  forget(): Promise<void>;
}

/** The spec that is stored: settings filled in, secrets moved to their own file. The state folder exists already. */
export async function prepareSpec(deps: Deps, request: TaskRequest): Promise<PreparedSpec> {
  const settings = await deps.settings(request.context.workdir);
  const queue = { ...queueDefaults(settings), ...request.queue };
  const kept = await keepSecrets(deps.home, request.context.env, queue.key);
  return {
    spec: { payload: request.payload, context: { ...request.context, env: kept.env }, queue },
    forget: kept.forget,
  };
}

function queueDefaults(settings: Settings): QueueRequest {
  return {
    priority: settings.priority.value,
    timeoutMs: settings.timeoutMs.value,
    idleTimeoutMs: null,
    graceMs: settings.graceMs.value,
    retries: settings.retries.value,
    onLost: 'hold',
    delayMs: 0,
    key: null,
    group: null,
    after: [],
    target: null,
    providers: [],
    matchContext: true,
  };
}
