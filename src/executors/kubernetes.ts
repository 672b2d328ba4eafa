import type { KubeApi } from '../core/cluster.ts';
import type { Executor } from '../core/executor.ts';
import type { Host } from '../core/host.ts';
import { attachedExecutor, isAttachedRun } from './kube-attached.ts';
import { jobExecutor } from './kube-job.ts';
import { isJobRun } from './kube-job-facts.ts';
import { isPodRun, podExecutor } from './kube-pod.ts';

export interface KubernetesParts {
  readonly host: Host;
  readonly runs: string;
  /** For everything that is not in a cluster. */
  readonly other: Executor;
  apiOf(context: string): Promise<KubeApi>;
}

/** Runs wherever they are: a run directory says by its files whose it is. */
export function withKubernetes({ host, runs, other, apiOf }: KubernetesParts): Executor {
  const attached = attachedExecutor(runs, other);
  const pods = podExecutor({ host, runs, attached, apiOf });
  const jobs = jobExecutor({ runs, apiOf });
  const ownerOf = (directory: string) => {
    if (isJobRun(runs, directory)) return jobs;
    if (isPodRun(runs, directory)) return pods;
    return isAttachedRun(runs, directory) ? attached : other;
  };
  return {
    kind: other.kind,
    start: (run) => {
      if (run.place?.runtime !== 'kubernetes') return other.start(run);
      return (run.place.container?.job ? jobs : pods).start(run);
    },
    watch: (directory, signal) => ownerOf(directory).watch(directory, signal),
    stop: (directory) => ownerOf(directory).stop(directory),
    abandon: async (directory) => ownerOf(directory).abandon?.(directory),
    seal: (directory, end) => ownerOf(directory).seal(directory, end),
    state: (directory) => ownerOf(directory).state(directory),
  };
}
