import { providersOf } from '../core/lanes.ts';
import { type PausedProvider, pausedProviders } from '../core/limits.ts';
import type { Store, WorkerRow } from '../core/store.ts';
import type { Outcome, Task, TaskEvent } from '../core/task.ts';
import type { Deps } from './deps.ts';
import { findTask } from './find-tasks.ts';
import { type Judged, judgedSessions } from './judged.ts';
import { isWorking } from './live-workers.ts';

/** `berth why --json`. */
export interface Why {
  readonly id: number;
  readonly state: Task['state']['name'];
  /** Most telling first; never empty. */
  readonly reasons: readonly Reason[];
  /** For a task that waits: what speaks for and against each session. */
  readonly sessions: readonly Judged[];
  readonly events: readonly EventView[];
}

export interface EventView {
  readonly at: string;
  readonly kind: string;
  readonly worker: string | null;
  readonly reason: string | null;
}

export interface Reason {
  readonly code: string;
  readonly message: string;
  /** What would change it; null when nothing needs to. */
  readonly hint: string | null;
}

/** Why a task waits, where it runs, or how it ended. */
export async function why(deps: Deps, id: number): Promise<Why> {
  const store = await deps.store();
  const task = await findTask(store, id);
  const events = await store.events(id);
  const paused = pausedProviders(await store.pauses(), deps.now());
  const sessions = task.state.name === 'pending' ? await judgedSessions(deps, task.spec) : [];
  return {
    id,
    state: task.state.name,
    reasons: await reasonsOf(task, { deps, store, sessions, paused }),
    sessions,
    events: events.map(eventView),
  };
}

async function reasonsOf(task: Task, around: Around): Promise<readonly Reason[]> {
  switch (task.state.name) {
    case 'pending':
      return pendingReasons(task, task.state.runAtMs, around);
    case 'assigned':
      return [reason('STARTING', `Session ${task.state.lease.session} is about to start it.`)];
    case 'running':
      return [
        reason(
          task.stopRequested === null ? 'RUNNING' : 'STOPPING',
          `It ${task.stopRequested === null ? 'runs' : 'is being stopped'} in session ${task.state.lease.session}.`,
          `berth logs -f ${task.id}`,
        ),
      ];
    case 'finished':
      return [outcomeReason(task.id, task.state.outcome)];
  }
}

interface Around {
  readonly deps: Deps;
  readonly store: Store;
  readonly sessions: readonly Judged[];
  readonly paused: readonly PausedProvider[];
}

async function pendingReasons(task: Task, runAtMs: number, around: Around): Promise<readonly Reason[]> {
  const { deps, store, sessions } = around;
  const reasons = await dependencyReasons(task, store);
  if (runAtMs > deps.now()) {
    const at = new Date(runAtMs).toISOString();
    reasons.push(reason('NOT_YET', `It is not to start before ${at}.`));
  }
  reasons.push(...(await pauseReasons(task, store)), ...(await providerReasons(task, around)));
  if (reasons.length > 0) return reasons;
  const { host } = task.spec.context;
  const workers = (await store.workers()).filter((worker) => worker.host === host);
  if (!workers.some((worker) => isWorking(deps, worker))) return [noWorker(host, workers)];
  return [await sessionReason(task, store, sessions)];
}

async function dependencyReasons(task: Task, store: Store): Promise<Reason[]> {
  const reasons: Reason[] = [];
  for (const id of task.spec.queue.after) {
    const parent = await store.task(id);
    if (parent?.state.name === 'finished' && parent.state.outcome.kind === 'succeeded') continue;
    const state = parent?.state.name ?? 'gone';
    reasons.push(
      reason(
        'WAITS_FOR_TASK',
        `It starts when task ${id} has succeeded; that one is ${state}.`,
        `berth why ${id}`,
      ),
    );
  }
  return reasons;
}

/** The whole queue, or the group of the task. */
async function pauseReasons({ spec }: Task, store: Store): Promise<readonly Reason[]> {
  const reasons: Reason[] = [];
  const pauses = await store.pauses();
  if (pauses.some(({ kind }) => kind === 'queue'))
    reasons.push(reason('QUEUE_PAUSED', 'The queue is paused.', 'berth resume'));
  const group = (await store.groups()).find(({ name }) => name === spec.queue.group);
  if (group?.paused === true) {
    const { name } = group;
    reasons.push(reason('GROUP_PAUSED', `Group "${name}" is paused.`, `berth resume --group ${name}`));
  } else if (group && group.maxRunning !== null && group.running >= group.maxRunning) {
    const { name, running, maxRunning } = group;
    const message = `Group "${name}" runs ${running} of at most ${maxRunning} tasks.`;
    reasons.push(reason('GROUP_FULL', message, 'berth group list'));
  }
  return reasons;
}

/** Said when every agent that may take the prompt is paused. */
async function providerReasons({ spec }: Task, { store, paused }: Around): Promise<readonly Reason[]> {
  if (spec.payload.kind !== 'prompt' || paused.length === 0) return [];
  const target = (await store.sessions()).find(({ name }) => name === spec.queue.target);
  const takers = target?.provider ? [target.provider] : providersOf(spec);
  const held = takers.flatMap((taker) => paused.find(({ name }) => name === taker) ?? []);
  if (held.length < takers.length) return [];
  return held.map(({ name, limit }) => {
    const until = limit && `before ${new Date(limit.untilMs).toISOString()}, it said: ${limit.reason}`;
    const message = `${name} takes no prompts ${until ?? 'until it is resumed'}.`.replace(/\.\.$/, '.');
    return reason('PROVIDER_PAUSED', message, `berth resume --provider ${name}`);
  });
}

function noWorker(host: string, workers: readonly WorkerRow[]): Reason {
  const [gone] = workers;
  const message = gone
    ? `The worker ${gone.name} of host ${host} (pid ${gone.pid}) is gone.`
    : `No worker serves host ${host}.`;
  return reason('NO_WORKER', message, 'berth up');
}

async function sessionReason(task: Task, store: Store, sessions: readonly Judged[]): Promise<Reason> {
  const { target } = task.spec.queue;
  const fitting = sessions.filter(({ passed }) => passed);
  if (fitting.length === 0) {
    return target === null
      ? reason('NO_MATCH', `None of the ${sessions.length} sessions may run it.`, 'berth sessions')
      : reason('NO_SESSION', `Session ${target} does not exist, or may not run it.`, 'berth sessions');
  }
  const pending = await store.tasks({ states: ['pending'], limit: Number.MAX_SAFE_INTEGER });
  const ahead = pending.filter((other) => isBefore(other, task)).length;
  const place = ahead === 0 ? 'it is next' : `${ahead} ${ahead === 1 ? 'task is' : 'tasks are'} ahead of it`;
  if (fitting.some(({ status }) => status === 'idle')) return reason('NEXT', `A session is idle; ${place}.`);
  const held = list(fitting.flatMap(({ currentTaskId }) => currentTaskId ?? []));
  const hint = 'Give the worker more --slots, or send with a higher --priority.';
  return reason('BUSY', `Every session that may run it is busy${held}; ${place}.`, hint);
}

function list(ids: readonly number[]): string {
  if (ids.length === 0) return '';
  return ` (task${ids.length === 1 ? '' : 's'} ${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ' …' : ''})`;
}

/** Priority, then age. */
function isBefore(other: Task, task: Task): boolean {
  const [a, b] = [other.spec.queue.priority, task.spec.queue.priority];
  return a > b || (a === b && other.id < task.id);
}

function outcomeReason(id: number, outcome: Outcome): Reason {
  switch (outcome.kind) {
    case 'succeeded':
      return reason('SUCCEEDED', 'It ended with exit code 0.');
    case 'failed': {
      const how = outcome.signal === null ? `exit code ${outcome.exitCode}` : `signal ${outcome.signal}`;
      const cause = outcome.cause === null ? '' : `: ${outcome.cause}`;
      return reason('FAILED', `It ended with ${how}${cause}.`, `berth logs ${id}`);
    }
    case 'not_started':
      return reason(outcome.code, outcome.message, outcome.hint);
    case 'lost':
      return reason('LOST', outcome.cause, `Look whether it still runs, then \`berth retry ${id}\`.`);
    default:
      return reason(outcome.kind.toUpperCase(), outcome.cause, `berth logs ${id}`);
  }
}

function eventView(event: TaskEvent): Why['events'][number] {
  return {
    at: new Date(event.atMs).toISOString(),
    kind: event.kind,
    worker: event.worker,
    reason: event.reason,
  };
}

function reason(code: string, message: string, hint: string | null = null): Reason {
  return { code, message, hint };
}
