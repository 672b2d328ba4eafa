import { setTimeout as delay } from 'node:timers/promises';
import type { KubeApi, PodFacts } from '../core/cluster.ts';
import { BerthError, type ErrorCode } from '../core/errors.ts';
import type { RunEnd } from '../core/executor.ts';
import { podFacts } from '../core/pod-facts.ts';
import { createJob, jobPath } from './kube-job-create.ts';
import { type JobFacts, mustReadJob, writeJob } from './kube-job-facts.ts';
import { copyLog, type LogCopy } from './kube-job-log.ts';
import { type JobState, jobState } from './kube-job-state.ts';
import type { PodWatches } from './kube-job-watch.ts';
import { type RunFiles, readEnd, readFacts } from './run-directory.ts';

/** How often a Job is looked at when its watch tells nothing. */
const LOOK_MS = 1000;
/** How often a Job that was made and has no pod is asked for: hundreds may wait for theirs. */
const ASK_MS = 5000;
/** How much longer than its grace a pod may take to go before its node counts as lost. */
const LATE_MS = 180_000;

export interface FollowParts {
  readonly at: RunFiles;
  apiOf(context: string): Promise<KubeApi>;
  readonly watches: PodWatches;
  readonly signal: AbortSignal;
  isStopping(): boolean;
}

/** One Job until its end. Rejects with AbortError when it is given up. */
export async function followJob(parts: FollowParts): Promise<RunEnd> {
  return new JobRun(parts).run();
}

class JobRun {
  private pods: readonly PodFacts[] | null = null;
  private wake: () => void = () => {};
  private log: LogCopy | null = null;
  private hasBegun = false;
  private goingSinceMs: number | null = null;
  private askedAtMs = Date.now();
  private facts: JobFacts;
  private readonly parts: FollowParts;

  constructor(parts: FollowParts) {
    this.parts = parts;
    this.facts = mustReadJob(parts.at);
  }

  async run(): Promise<RunEnd> {
    const { watches } = this.parts;
    const forget = watches.listen(this.facts.where, this.facts.name, (pods) => {
      this.pods = pods.map(podFacts);
      this.noteFirst();
      this.wake();
    });
    try {
      return await this.follow();
    } finally {
      forget();
      this.log?.stop();
    }
  }

  /** On disk, so that the next worker too can tell a second pod from the first. */
  private noteFirst(): void {
    const first = this.pods?.[0];
    if (first === undefined || this.facts.podUid !== undefined) return;
    this.facts = { ...this.facts, isMade: true, podUid: first.uid };
    writeJob(this.parts.at, this.facts);
  }

  private async follow(): Promise<RunEnd> {
    for (;;) {
      if (this.parts.isStopping()) return this.stopped();
      const state = this.pods === null ? null : jobState(this.pods, this.facts);
      const end = state && (await this.look(state));
      if (end) return end;
      await this.nextLook();
    }
  }

  /** The end of the attempt, if this is it. */
  private async look(state: JobState): Promise<RunEnd | null> {
    switch (state.kind) {
      case 'running':
        await this.copyLogOf(state.pod);
        return this.isLate() ? this.broken('its node does not say that it went') : null;
      case 'ended':
        await this.copyLogOf(state.pod);
        await this.log?.finish();
        return ended(this.parts.at, state.exitCode);
      case 'failed':
        await this.log?.finish();
        return readEnd(this.parts.at) ?? vanished(state.words);
      case 'rejected':
        return this.turnedAway(state.words, 'JOB_UNSCHEDULABLE');
      case 'broken':
        return this.broken(state.words);
      case 'waiting': {
        const isLate = Date.now() - this.facts.createdAtMs > this.facts.pendingMs;
        return isLate || state.isHopeless ? this.givenUp(state) : null;
      }
      case 'none':
        return this.missing();
    }
  }

  /** A pod that was deleted long ago and still counts as running: nobody hears from its node. */
  private isLate(): boolean {
    if (!this.pods?.some(({ isDeleting }) => isDeleting)) return false;
    this.goingSinceMs ??= Date.now();
    return Date.now() - this.goingSinceMs > (this.facts.run.limits?.graceMs ?? 0) + LATE_MS;
  }

  private async copyLogOf(pod: string): Promise<void> {
    if (this.log !== null) return;
    this.hasBegun = true;
    const { where, container } = this.facts;
    const api = await this.parts.apiOf(where.context);
    const path = `/api/v1/namespaces/${where.namespace}/pods/${pod}/log?container=${container}`;
    const nonce = readFacts(this.parts.at)?.nonce ?? '';
    this.log = copyLog({ api, path, at: this.parts.at, nonce });
  }

  /** No pod: not yet, never, or no longer. */
  private async missing(): Promise<RunEnd | null> {
    const { facts, parts } = this;
    if (facts.podUid !== undefined) return this.broken(`the pod of Job ${facts.name} was removed`);
    const isLate = Date.now() - facts.createdAtMs >= facts.pendingMs;
    if (facts.isMade && !isLate && Date.now() - this.askedAtMs < ASK_MS) return null;
    this.askedAtMs = Date.now();
    const api = await parts.apiOf(facts.where.context);
    const { status } = await api.ask({ method: 'GET', path: jobPath(facts) }).catch(() => ({ status: 0 }));
    if (status === 404 && facts.isMade) return vanished(`Job ${facts.name} was removed`);
    const refusal = status === 404 ? await this.make(api) : null;
    if (refusal !== null) return this.turnedAway(refusal.message, refusal.code);
    if (!isLate) return null;
    const words = await this.eventWords(api);
    return this.givenUp({ kind: 'waiting', words, code: 'JOB_REFUSED', isHopeless: true });
  }

  /** The first try got no answer. Why the cluster will not have the Job; null when it has it, or was silent again. */
  private async make(api: KubeApi): Promise<BerthError | null> {
    try {
      await createJob(api, this.facts, this.parts.at);
      this.facts = { ...this.facts, isMade: true };
      writeJob(this.parts.at, this.facts);
      return null;
    } catch (error) {
      const isFinal = error instanceof BerthError && !/^CLUSTER_/.test(error.code);
      return isFinal ? error : null;
    }
  }

  /** What the Job's controller said last, such as a quota that is used up. */
  private async eventWords(api: KubeApi): Promise<string> {
    const { where, name } = this.facts;
    const selector = encodeURIComponent(`involvedObject.name=${name}`);
    const path = `/api/v1/namespaces/${where.namespace}/events?fieldSelector=${selector}`;
    const { body } = await api.ask({ method: 'GET', path }).catch(() => ({ body: null }));
    const items = (body as { readonly items?: readonly { readonly message?: string }[] } | null)?.items ?? [];
    return items.at(-1)?.message ?? 'the cluster made no pod for it';
  }

  private async givenUp({ words, code }: Extract<JobState, { kind: 'waiting' }>): Promise<RunEnd> {
    await this.remove();
    if (this.hasBegun) return vanished('the Job began while it was being given up');
    const waited = Math.round((Date.now() - this.facts.createdAtMs) / 1000);
    return this.turnedAway(`within ${waited} s: ${words}`, code);
  }

  private turnedAway(words: string, code: ErrorCode): RunEnd {
    const { name, where } = this.facts;
    return {
      ...vanished(words),
      turnedAway: {
        code,
        message: `Job ${name} (context ${where.context}, namespace ${where.namespace}) did not start: ${words}`,
        hint: 'The words are the cluster’s own; --kube-pending-timeout says how long to wait.',
      },
    };
  }

  /** The attempt is lost; what the Job may have started in its place goes. */
  private async broken(words: string): Promise<RunEnd> {
    this.log?.stop();
    const gone = await this.remove();
    return vanished(gone ? words : `${words}, and its pod may run yet`);
  }

  private async stopped(): Promise<RunEnd> {
    const gone = await this.remove();
    await this.log?.finish();
    return { kind: 'ended', report: { kind: 'stopped', exitCode: 143, reason: 'asked', gone } };
  }

  /**
   * Delete the Job and wait until its pod is gone: then nothing of it runs any more. A cluster that does not
   * answer is asked again, however long it takes.
   *
   * @returns false for a pod that does not go
   */
  private async remove(): Promise<boolean> {
    for (let acceptedAtMs: number | null = null; ; ) {
      const api = await this.parts.apiOf(this.facts.where.context);
      const { status } = await api
        .ask({ method: 'DELETE', path: `${jobPath(this.facts)}?propagationPolicy=Background` })
        .catch(() => ({ status: 0 }));
      for (const pod of this.pods ?? []) {
        const own = pod.containers.find(({ name }) => name === this.facts.container);
        if (own?.isRunning || own?.terminated) this.hasBegun = true;
      }
      const isGone = this.pods?.length === 0;
      if (status === 404 && isGone) return true;
      if (status !== 0) acceptedAtMs ??= Date.now();
      const patienceMs = (this.facts.run.limits?.graceMs ?? 0) + LATE_MS;
      if (acceptedAtMs !== null && Date.now() - acceptedAtMs > patienceMs) return false;
      await this.nextLook();
    }
  }

  private async nextLook(): Promise<void> {
    const { signal } = this.parts;
    const waking = new AbortController();
    this.wake = () => waking.abort();
    const giveUp = () => waking.abort();
    signal.addEventListener('abort', giveUp, { once: true });
    if (!signal.aborted) await delay(LOOK_MS, undefined, { signal: waking.signal }).catch(() => {});
    signal.removeEventListener('abort', giveUp);
    if (signal.aborted) throw new DOMException('The watch was given up; the run goes on.', 'AbortError');
  }
}

/** The pod's own record of the exit code counts; the supervisor's says why, where it fits. */
function ended(at: RunFiles, exitCode: number): RunEnd {
  const end = readEnd(at);
  if (end?.kind === 'ended' && end.report.exitCode === exitCode) return end;
  return { kind: 'ended', report: { kind: 'exit', exitCode, reason: null, gone: true } };
}

function vanished(words: string): Extract<RunEnd, { kind: 'vanished' }> {
  return { kind: 'vanished', exitCode: null, stderrTail: words, stdoutTail: '' };
}
