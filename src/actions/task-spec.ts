import { realpath } from 'node:fs/promises';
import type { ContextRequest } from '../core/context.ts';
import type { Settings } from '../core/settings.ts';
import type { Payload, QueueRequest, TaskSpec } from '../core/task.ts';
import type { Deps } from './deps.ts';
import { type OpenMatters, withProject } from './project-defaults.ts';
import { holdsSecrets, keepSecrets } from './secrets.ts';
import { inTargetPlace } from './session-context.ts';

/** A task as someone asks for it: what is left out of `queue` comes from the settings. */
export interface TaskRequest {
  readonly payload: Payload;
  readonly context: ContextRequest;
  readonly queue: Partial<QueueRequest>;
  /** Left out: everything is decided. */
  readonly open?: OpenMatters;
}

/**
 * The task with everything that settings and project say; a broken file is reported before anything is made.
 *
 * @throws {BerthError} `CONFIG_INVALID`
 */
export async function fullSpec(
  deps: Deps,
  { payload, context, queue, open }: TaskRequest,
): Promise<TaskSpec> {
  const matters = { target: queue.target ?? null, open: open ?? null };
  const place = await inTargetPlace(deps, context, matters);
  const settings = await deps.settings(place.workdir);
  const spec = {
    payload,
    context: await withProject(deps, place, open ?? null),
    queue: { ...queueDefaults(settings), ...queue },
  };
  return mayTakeTerminal(spec) ? inRepository(spec) : spec;
}

function mayTakeTerminal({ payload, queue }: TaskSpec): boolean {
  return queue.target !== null || (payload.kind === 'prompt' && payload.headless !== true);
}

/** Where sessions are compared with it: their directories are known without symlinks. */
async function inRepository(spec: TaskSpec): Promise<TaskSpec> {
  const { gitFacts } = await import('../contexts/git.ts');
  const facts = await gitFacts(spec.context.workdir).catch(() => null);
  const repository = facts && (await realpath(facts.root).catch(() => null));
  return repository === null ? spec : { ...spec, context: { ...spec.context, repository } };
}

export interface StorableSpec {
  readonly spec: TaskSpec;
  /** Undo what was written for it, when the store did not take it. */
  forget(): Promise<void>;
}

/**
 * The spec as the database may hold it: secret values moved to a file, and `local` under the name that this
 * machine has in the queue.
 */
export async function storable(deps: Deps, spec: TaskSpec): Promise<StorableSpec> {
  // it makes the state folder, or says why it cannot
  if (holdsSecrets(spec.context.env)) await deps.store();
  const { env, forget } = await keepSecrets(deps.home, spec.context.env, spec.queue.key);
  const host = spec.context.host === 'local' ? deps.host.name : spec.context.host;
  return { spec: { ...spec, context: { ...spec.context, host, env } }, forget };
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
