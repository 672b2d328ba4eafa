import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeApi, Namespace, PodFacts } from '../core/cluster.ts';
import { BerthError } from '../core/errors.ts';
import type { Executor, RunEnd, RunSpec } from '../core/executor.ts';
import { podFacts } from '../core/pod-facts.ts';
import { createJob, jobPath } from './kube-job-create.ts';
import { copyLog, type LogCopy } from './kube-job-log.ts';
import { type JobState, jobState } from './kube-job-state.ts';
import { type PodWatches, podWatches } from './kube-job-watch.ts';
import { createRunDirectory, type RunFiles, readEnd, readFacts, runFiles, sealRun } from './run-directory.ts';

export interface JobExecutorParts {
  /** Absolute path of the folder of run directories. */
  readonly runs: string;
  apiOf(context: string): Promise<KubeApi>;
}

/** How long a Job may wait for a node or an image. */
export const PENDING_MS = 300_000;
const LOOK_MS = 1000;

/** Runs that are Jobs of a cluster. The Job is the run; the run directory has a copy of its log. */
export function jobExecutor({ runs, apiOf }: JobExecutorParts): Executor {
  const watches = podWatches(apiOf);
  const stopping = new Set<string>();
  const files = (directory: string) => runFiles(runs, directory);

  return {
    kind: 'headless',

    async start(run) {
      const at = files(run.directory);
      if (readJob(at) === null) prepare(at, run);
      const facts = jobOf(at);
      if (facts.isMade) return 'already';
      const made = await createJob(await apiOf(facts.where.context), facts, at).catch((error: unknown) => {
        // it may have been made all the same: the watch asks again
        if (error instanceof BerthError && error.code === 'CLUSTER_UNREACHABLE') return null;
        throw error;
      });
      if (made !== null) writeJob(at, { ...facts, isMade: true });
      return made === 'adopted' ? 'already' : 'started';
    },

    watch: (directory, signal) =>
      new JobWatch({
        at: files(directory),
        apiOf,
        watches,
        signal,
        isStopping: () => stopping.has(directory),
      })
        .run()
        .finally(() => stopping.delete(directory)),

    async stop(directory) {
      stopping.add(directory);
    },

    async seal(directory, end) {
      sealRun(files(directory), end);
    },

    async state(directory) {
      const at = files(directory);
      if (existsSync(at.exit)) return 'ended';
      return readJob(at)?.isMade ? 'running' : 'absent';
    },
  };
}

/** What the next worker needs: `job.json` in the run directory. */
export interface JobFacts {
  readonly where: Namespace;
  readonly name: string;
  readonly container: string;
  readonly pendingMs: number;
  readonly createdAtMs: number;
  /** The server has said so. Until then asking again is harmless: the name is the same. */
  readonly isMade: boolean;
  readonly run: Pick<RunSpec, 'task' | 'attempt' | 'nonce' | 'place' | 'limits'>;
}

function jobFile(at: RunFiles): string {
  return join(at.path, 'job.json');
}

/** Whether a run directory is of a Job. */
export function isJobRun(runs: string, directory: string): boolean {
  return existsSync(jobFile(runFiles(runs, directory)));
}

function readJob(at: RunFiles): JobFacts | null {
  return existsSync(jobFile(at)) ? (JSON.parse(readFileSync(jobFile(at), 'utf8')) as JobFacts) : null;
}

function jobOf(at: RunFiles): JobFacts {
  const facts = readJob(at);
  if (facts === null) throw new Error(`${at.path} is no run of a Job`);
  return facts;
}

function writeJob(at: RunFiles, facts: JobFacts): void {
  writeFileSync(`${jobFile(at)}.new`, JSON.stringify(facts), { mode: 0o600 });
  renameSync(`${jobFile(at)}.new`, jobFile(at));
}

function prepare(at: RunFiles, run: RunSpec): void {
  createRunDirectory(at, run);
  for (const path of [at.out, at.err]) closeSync(openSync(path, 'a', 0o600));
  const { task, attempt, nonce, place, limits } = run;
  const box = place?.container;
  writeJob(at, {
    where: { context: box?.kubeContext ?? '', namespace: box?.namespace ?? '' },
    name: (box?.id ?? '').replace(/^job\//, ''),
    container: box?.podContainer?.name ?? 'task',
    pendingMs: box?.job?.pendingMs ?? PENDING_MS,
    createdAtMs: Date.now(),
    isMade: false,
    run: { task, attempt, nonce, ...(place && { place }), ...(limits && { limits }) },
  });
}

interface WatchParts {
  readonly at: RunFiles;
  readonly apiOf: JobExecutorParts['apiOf'];
  readonly watches: PodWatches;
  readonly signal: AbortSignal;
  isStopping(): boolean;
}

/** One Job until its end. */
class JobWatch {
  private pods: readonly PodFacts[] | null = null;
  private wake: () => void = () => {};
  private log: LogCopy | null = null;
  private hasBegun = false;
  private readonly facts: JobFacts;
  private readonly parts: WatchParts;

  constructor(parts: WatchParts) {
    this.parts = parts;
    this.facts = jobOf(parts.at);
  }

  async run(): Promise<RunEnd> {
    const { watches } = this.parts;
    const forget = watches.listen(this.facts.where, this.facts.name, (pods) => {
      this.pods = pods.map(podFacts);
      this.wake();
    });
    try {
      return await this.follow();
    } finally {
      forget();
      this.log?.stop();
    }
  }

  private async follow(): Promise<RunEnd> {
    for (;;) {
      if (this.parts.isStopping()) return this.stopped();
      const state = this.pods === null ? null : jobState(this.pods, this.facts.container);
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
        return null;
      case 'ended':
        await this.copyLogOf(state.pod);
        await this.log?.finish();
        return ended(this.parts.at, state.exitCode);
      case 'broken':
        this.log?.stop();
        await this.remove();
        return vanished(state.words);
      case 'waiting': {
        const isLate = Date.now() - this.facts.createdAtMs > this.facts.pendingMs;
        return isLate || state.isHopeless ? this.givenUp(state) : null;
      }
      case 'none':
        return this.missing();
    }
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
    if (this.hasBegun) return vanished(`the pod of Job ${this.facts.name} was removed`);
    const api = await this.parts.apiOf(this.facts.where.context);
    const { status } = await api
      .ask({ method: 'GET', path: jobPath(this.facts) })
      .catch(() => ({ status: 0 }));
    if (status === 404 && this.facts.isMade) return vanished(`Job ${this.facts.name} was removed`);
    if (status === 404) await createJob(api, this.facts, this.parts.at);
    if (Date.now() - this.facts.createdAtMs < this.facts.pendingMs) return null;
    const words = await this.eventWords(api);
    return this.givenUp({ kind: 'waiting', words, code: 'JOB_REFUSED', isHopeless: true });
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

  private async givenUp(state: Extract<JobState, { kind: 'waiting' }>): Promise<RunEnd> {
    await this.remove();
    if (this.hasBegun) return vanished('the Job began while it was being given up');
    const waited = Math.round((Date.now() - this.facts.createdAtMs) / 1000);
    const { context, namespace } = this.facts.where;
    return {
      ...vanished(state.words),
      turnedAway: {
        code: state.code,
        message: `Job ${this.facts.name} (context ${context}, namespace ${namespace}) did not start within ${waited} s: ${state.words}`,
        hint: 'The words are the cluster’s own; --kube-pending-timeout says how long to wait.',
      },
    };
  }

  private async stopped(): Promise<RunEnd> {
    await this.remove();
    await this.log?.finish();
    return {
      kind: 'ended',
      report: { kind: 'stopped', exitCode: 143, reason: 'asked', gone: true },
    };
  }

  /** Delete the Job and wait until its pod is gone: then nothing of it runs any more. */
  private async remove(): Promise<void> {
    for (;;) {
      const api = await this.parts.apiOf(this.facts.where.context);
      const { status } = await api
        .ask({ method: 'DELETE', path: `${jobPath(this.facts)}?propagationPolicy=Background` })
        .catch(() => ({ status: 0 }));
      const isLeft = this.pods === null || this.pods.length > 0;
      for (const pod of this.pods ?? []) {
        const own = pod.containers.find(({ name }) => name === this.facts.container);
        if (own?.isRunning || own?.terminated) this.hasBegun = true;
      }
      if (status === 404 && !isLeft) return;
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
