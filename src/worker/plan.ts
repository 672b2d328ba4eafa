import { randomBytes } from 'node:crypto';
import { quoteWord } from '../core/command.ts';
import type { ResolvedContext, Toolchain } from '../core/context.ts';
import type { RunSpec } from '../core/executor.ts';
import type { SpawnOptions } from '../core/host.ts';
import type { Place, Runtime } from '../core/runtime.ts';
import { environmentScript, type ScriptPlan, supervisedScript } from '../core/script.ts';
import { isSecret } from '../core/secret.ts';
import { enteredState, type SessionContext } from '../core/session.ts';
import type { Claim } from '../core/store.ts';

export interface PlanFacts {
  readonly claim: Claim;
  readonly context: ResolvedContext;
  readonly place: Place;
  readonly runtime: Runtime;
  /** The environment with its secret values. */
  readonly env: Readonly<Record<string, string>>;
}

/** How much later than the worker the supervisor enforces the time limit: it is the backstop. */
const BACKSTOP_MS = 2000;

/** What one attempt runs, for an executor. */
export function runSpecOf(facts: PlanFacts): RunSpec {
  const { claim, place, runtime } = facts;
  // a Job has no stdin: its supervisor is told by signals
  const boxed = place.runtime !== 'bare' && !place.container?.job;
  const plan = scriptPlanOf(facts, boxed ? 'stdin' : 'signal');
  const { graceMs, timeoutMs, inShell = false } = claim.task.spec.queue;
  return {
    task: claim.task.id,
    attempt: claim.lease.attempt,
    directory: claim.attempt.runDirectory,
    nonce: plan.nonce,
    script: supervisedScript(plan),
    environment: environmentOf(facts),
    entry: boxed ? entryOf(runtime, place) : null,
    leash: boxed ? 'stdin' : 'signal',
    inShell,
    ...(inShell && !boxed && { elsewhere: supervisedScript(elsewhere(plan)) }),
    ...(boxed && dropsLate(place) && { hearing: supervisedScript(hearing(plan)) }),
    place,
    limits: { graceMs, timeoutMs },
  };
}

/** kubectl ends when the program has ended in the pod, and drops what has not come by then. */
export function dropsLate({ runtime }: Place): boolean {
  return runtime === 'kubernetes';
}

/** The streams of a client, where what may be dropped must pass our hands. */
export function streamsInto(place: Place, streams: SpawnOptions): SpawnOptions {
  return dropsLate(place) ? { ...streams, stdout: 'pipe' } : streams;
}

/** The same with its end held back, for as long as a reader may take that pages, or a worker that is started anew. */
export function hearing(plan: ScriptPlan): ScriptPlan {
  return { ...plan, hearMs: 600_000 };
}

/** The same in a place that was not resolved: what is known of this machine does not hold there. */
function elsewhere(plan: ScriptPlan): ScriptPlan {
  return { ...plan, dir: '.', expectDirectory: null, toolchain: '', leash: 'stdin' };
}

/** The program that enters a box and reads a script on its stdin. */
export function entryOf(runtime: Runtime, place: Place) {
  return runtime.enter(place, { argv: ['sh'], cwd: null, env: {} }, { stdin: true, tty: false });
}

export function scriptPlanOf({ claim, context, place }: PlanFacts, leash: ScriptPlan['leash']): ScriptPlan {
  const { queue, payload } = claim.task.spec;
  return {
    title: `berth: task ${claim.task.id}, attempt ${claim.lease.attempt}`,
    nonce: randomBytes(8).toString('hex'),
    dir: context.dir.target,
    expectHost: place.container?.hostname ?? null,
    expectDirectory: context.sameDirectory ?? null,
    toolchain: toolchainScript(context.toolchain),
    prereqs: context.prereqs,
    payload,
    graceMs: queue.graceMs,
    deadlineMs: queue.timeoutMs === null ? null : queue.timeoutMs + BACKSTOP_MS,
    leash,
  };
}

export function environmentOf({ claim, env, context }: PlanFacts): string {
  const ours = { BERTH_TASK: String(claim.task.id), BERTH_ATTEMPT: String(claim.lease.attempt) };
  return environmentScript({ ...ours, ...env }, context.unset);
}

/** Shell text that switches a toolchain on; empty without one. */
export function toolchainScript(toolchain: Toolchain | null): string {
  if (toolchain === null) return '';
  if (toolchain.script !== undefined) return toolchain.script;
  const path = toolchain.path.map((dir) => `${quoteWord(dir)}:`).join('');
  return [
    ...(path === '' ? [] : [`export PATH=${path}"$PATH"`]),
    ...Object.entries(toolchain.env).map(([name, value]) => `export ${name}=${quoteWord(value)}`),
  ].join('\n  ');
}

/** What a session shows of the place that its task was put in. */
export function sessionFactsOf(context: ResolvedContext, place: Place): Partial<SessionContext> {
  const { container } = place;
  const plain = Object.entries(context.env).filter(([name, value]) => !isSecret(name, value));
  return {
    currentDir: context.dir.host,
    gitBranch: context.git?.branch ?? null,
    envVars: Object.fromEntries(plain),
    containerId: place.id,
    containerState: enteredState(container),
    containerImage: container?.image ?? null,
    containerType: container?.type ?? null,
    containerVolumes: container?.volumes ?? null,
    containerPorts: container?.ports ?? null,
    containerService: container?.service ?? null,
    containerProject: container?.project ?? null,
    containerNamespace: container?.namespace ?? null,
  };
}

/** A user that was asked for wins over the one that a new box was started with. */
export function asUser(place: Place, { user }: ResolvedContext): Place {
  return { ...place, user: user ?? place.user };
}

/** The resolved context with the container that was really entered: enough to find it again. */
export function withPlace(context: ResolvedContext, place: Place): ResolvedContext {
  return place.container === null
    ? context
    : { ...context, container: { ...place.container, id: place.id }, user: place.user };
}

/** The place of an attempt that another process started. */
export function placeOf(context: ResolvedContext): Place {
  const { container } = context;
  return {
    runtime: container?.runtime ?? 'bare',
    id: container?.id ?? null,
    owned: (container?.start ?? null) !== null,
    container,
    user: context.user,
  };
}
