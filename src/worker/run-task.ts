import { retryAt, settled } from '../core/backoff.ts';
import { BerthError, messageOf } from '../core/errors.ts';
import type { RunEnd } from '../core/executor.ts';
import { ownerOf } from '../core/owner.ts';
import type { LeftRun, Place } from '../core/runtime.ts';
import type { Claim, LeaseNews } from '../core/store.ts';
import type { Outcome, StopReason } from '../core/task.ts';
import { judgeTurn, type TurnEnd } from './agent-turn.ts';
import type { RunDeps } from './deps.ts';
import { notStarted, outcomeOf } from './outcome.ts';
import { persistently, whenPossible } from './persistence.ts';
import { asUser, placeOf, withPlace } from './plan.ts';
import { executorOf, showOwnPlace, startRun } from './session-place.ts';
import { StopControl } from './stop-control.ts';

/** A task in this worker's hands. */
export interface RunningTask {
  readonly claim: Claim;
  /** Resolves when its outcome is on disk, or when it was given up to the next worker. Never rejects. */
  readonly done: Promise<void>;
  /** Why it was asked to stop. */
  readonly stopping: StopReason | null;
  /** Ask it to stop; the first reason counts. */
  stop(reason: StopReason): void;
  /** Stop it because the lease ends: another host may run it again. Only for tasks that allow it. */
  fence(): void;
}

/**
 * One task from claim to finish. A claim that is `running` already was left by an earlier process:
 * its run is found by the name of its directory, and nothing starts twice.
 *
 * @param signal  aborted: let go. What was not started goes back to the queue, what runs goes on.
 */
export function runTask(deps: RunDeps, claim: Claim, signal: AbortSignal): RunningTask {
  const control = new StopControl(deps, claim);
  const done = attempt(deps, claim, { signal, control }).catch((error) => {
    if (signal.aborted) return;
    deps.log({ event: 'task_failed', task: claim.task.id, message: messageOf(error) });
  });
  return {
    claim,
    done,
    get stopping() {
      return control.reason;
    },
    stop: (reason) => control.ask(reason),
    fence: () => control.fence(),
  };
}

interface Hold {
  readonly signal: AbortSignal;
  readonly control: StopControl;
}

async function attempt(deps: RunDeps, claim: Claim, hold: Hold): Promise<void> {
  const { lease } = claim;
  deps.log({ event: 'claimed', task: lease.taskId, attempt: lease.attempt });
  const place = await enter(deps, claim, hold);
  if (place === null) return;
  hold.control.runs(place);
  try {
    const executor = executorOf(deps, claim);
    const watched = () => executor.watch(claim.attempt.runDirectory, hold.signal);
    // trouble of ours (no more open files) says nothing of the run, which goes on
    const end = await persistently(deps, watched, hold.signal);
    await showOwnPlace(deps, claim);
    const { signal, control } = hold;
    const judged = () => judge(deps, claim, { end, place, stopReason: control.reason, signal });
    const outcome = await persistently(deps, judged, hold.signal);
    await finish(deps, claim, hold.control.cutOff ?? (await judgeTurn(deps, claim, outcome)), hold.signal);
    await executor.seal(claim.attempt.runDirectory, end);
    await deps.runtime(place.runtime).dispose(deps.host, place);
  } finally {
    hold.control.ended();
  }
}

/** Into the place, and started; null when the attempt ends here. */
async function enter(deps: RunDeps, claim: Claim, hold: Hold): Promise<Place | null> {
  const { signal, control } = hold;
  const adopted = claim.task.state.name === 'running';
  if (adopted && claim.attempt.context === null) {
    await finish(deps, claim, { outcome: await unplaced(deps, claim), againAtMs: null }, signal);
    return null;
  }
  const begin = () => (adopted ? again(deps, claim) : first(deps, claim, signal));
  try {
    return await whenPossible(deps, begin, {
      task: claim.task.id,
      signal,
      stopped: () => control.reason !== null,
    });
  } catch (error) {
    if (hold.signal.aborted) throw error;
    await finish(deps, claim, { outcome: notStarted(asBerthError(error)), againAtMs: null }, hold.signal);
    return null;
  }
}

/** Of a `berth run` that writes its place down while the program starts: the start token tells whether it had begun. */
async function unplaced(deps: RunDeps, claim: Claim): Promise<Outcome> {
  const state = await executorOf(deps, claim).state(claim.attempt.runDirectory);
  if (state !== 'absent')
    return { kind: 'lost', cause: 'The `berth run` that held it was killed before its place was recorded.' };
  return notStarted(
    new BerthError('The `berth run` that held it was killed before it had started anything.', {
      code: 'INTERNAL',
      hint: 'Run it again.',
    }),
  );
}

async function first(deps: RunDeps, claim: Claim, signal: AbortSignal): Promise<Place | null> {
  const { store, host } = deps;
  const { spec } = claim.task;
  const resolved = await deps.resolve(spec.context);
  const runtime = deps.runtime(resolved.container?.runtime ?? 'bare');
  const place = asUser(
    await runtime.prepare(host, resolved.container, scopeOf(deps, claim, resolved.dir.host)),
    resolved,
  );
  const context = withPlace(resolved, place);
  if (signal.aborted) {
    await runtime.dispose(host, place);
    await store.release(claim.lease, 'the worker was asked to stop');
    return null;
  }
  const recorded = () => store.started(claim.lease, context);
  const news = await startable(deps, signal, () => persistently(deps, recorded, signal));
  if (news === 'kept') {
    try {
      await startRun(deps, claim, { context, place, runtime });
      return place;
    } catch (error) {
      await runtime.dispose(host, place);
      throw error;
    }
  }
  await runtime.dispose(host, place);
  if (news === 'stop_requested')
    await finish(
      deps,
      claim,
      { outcome: { kind: 'cancelled', cause: 'Cancelled before it started.' }, againAtMs: null },
      signal,
    );
  return null;
}

/** What the store last said, said at a time when the lease held: nothing starts on older news. */
async function startable(
  { lease }: RunDeps,
  signal: AbortSignal,
  ask: () => Promise<LeaseNews>,
): Promise<LeaseNews> {
  for (;;) {
    const news = await ask();
    if (news !== 'kept' || !lease || lease.isSafe()) return news;
    await lease.renewal(signal);
    signal.throwIfAborted();
  }
}

/** A run that an earlier process started, or was about to start: the start token decides. */
async function again(deps: RunDeps, claim: Claim): Promise<Place | null> {
  const { context, runDirectory } = claim.attempt;
  if (context === null)
    throw new BerthError('The attempt has no context.', { code: 'INTERNAL', hint: 'Retry the task.' });
  const place = placeOf(context);
  if ((await executorOf(deps, claim).state(runDirectory)) === 'absent') {
    await startRun(deps, claim, { context, place, runtime: deps.runtime(place.runtime) });
  }
  deps.log({ event: 'adopted', task: claim.task.id, attempt: claim.lease.attempt });
  return place;
}

function scopeOf({ host }: RunDeps, { lease }: Claim, workdir: string) {
  return {
    task: lease.taskId,
    attempt: lease.attempt,
    owner: ownerOf(host),
    workdir,
  };
}

interface Ended {
  readonly end: RunEnd;
  readonly place: Place;
  readonly stopReason: StopReason | null;
  /** Aborted: the next worker finds the end. Left out where there is none. */
  readonly signal?: AbortSignal;
}

export async function judge(deps: RunDeps, claim: Claim, ended: Ended): Promise<Outcome> {
  const { end, place, stopReason, signal = null } = ended;
  const clear = end.kind === 'ended' && !(end.report.kind === 'exit' && end.report.exitCode === 137);
  const { spec, stopRequested } = claim.task;
  const entryFailure = deps.entryFailure(place, end);
  const left = leftRun(end, spec.queue.graceMs, signal);
  const postmortem =
    clear || entryFailure !== null
      ? { state: 'unknown' as const, oom: null, cause: null }
      : await deps.runtime(place.runtime).postmortem(deps.host, place, left);
  if (left !== null) signal?.throwIfAborted();
  return outcomeOf({ end, spec, stopReason: stopReason ?? stopRequested, postmortem, entryFailure });
}

function leftRun(end: RunEnd, graceMs: number, signal: AbortSignal | null): LeftRun | null {
  if (end.kind !== 'vanished' || end.nonce === undefined) return null;
  const client = { exitCode: end.exitCode, words: end.stderrTail };
  return { nonce: end.nonce, graceMs, signal, client };
}

/** The outcome goes to disk, however long the store is in trouble: the run is over, only its record waits. */
async function finish(deps: RunDeps, claim: Claim, end: TurnEnd, signal: AbortSignal): Promise<void> {
  const { lease, task } = claim;
  const outcome = settled(end.outcome, task.spec.queue);
  const againAtMs = end.againAtMs ?? retryAt(outcome, lease.attempt, task.spec.queue, deps.now());
  let owed = false;
  const news = await persistently(
    deps,
    () => deps.store.finished(lease, outcome, againAtMs),
    signal,
    async () => {
      if (!owed) await deps.journal?.owe({ lease, outcome, againAtMs });
      owed = true;
    },
  );
  if (owed) await deps.journal?.paid(lease);
  deps.log({
    event: news === 'lost' ? 'outcome_refused' : outcome.kind,
    task: claim.task.id,
    attempt: claim.lease.attempt,
  });
}

export function asBerthError(error: unknown): BerthError {
  if (error instanceof BerthError) return error;
  return new BerthError(`The task could not be prepared: ${messageOf(error)}.`, {
    code: 'INTERNAL',
    hint: 'See the worker log (`berth status` names it).',
    cause: error,
  });
}
