import { closeSync, existsSync, openSync } from 'node:fs';
import type { KubeApi } from '../core/cluster.ts';
import { BerthError } from '../core/errors.ts';
import type { Executor, RunSpec } from '../core/executor.ts';
import { createJob } from './kube-job-create.ts';
import { mustReadJob, readJob, writeJob } from './kube-job-facts.ts';
import { followJob } from './kube-job-follow.ts';
import { podWatches } from './kube-job-watch.ts';
import { createRunDirectory, type RunFiles, runFiles, sealRun } from './run-directory.ts';

export interface JobExecutorParts {
  /** Absolute path of the folder of run directories. */
  readonly runs: string;
  apiOf(context: string): Promise<KubeApi>;
}

/** How long a Job may wait for a node or an image. */
export const PENDING_MS = 300_000;

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
      const facts = mustReadJob(at);
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
      followJob({
        at: files(directory),
        apiOf,
        watches,
        signal,
        isStopping: () => stopping.has(directory),
      }).finally(() => stopping.delete(directory)),

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
