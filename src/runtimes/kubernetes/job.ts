import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { KubeApi, PodFacts } from '../../core/cluster.ts';
import { messageOf } from '../../core/errors.ts';
import { podFacts } from '../../core/pod-facts.ts';
import type { Place, Postmortem, Scope } from '../../core/runtime.ts';
import { podsPath } from './cluster.ts';
import { howItEnded } from './postmortem.ts';

type ApiOf = (context: string) => Promise<KubeApi>;

/** The name of an attempt's Job; the process that prepares it sets it apart from other queues'. */
export function jobName({ task, attempt, owner }: Scope): string {
  const queue = createHash('sha256').update(`${hostname()} ${owner}`).digest('hex').slice(0, 8);
  return `berth-${task}-${attempt}-${queue}`;
}

/** What the cluster knows of the pod of a Job that ended badly. Never throws. */
export async function jobPostmortem(apiOf: ApiOf, place: Place): Promise<Postmortem> {
  const unknown = { state: 'unknown', oom: null, cause: null } as const;
  const { context, namespace, name } = jobOf(place);
  try {
    const api = await apiOf(context);
    const selector = encodeURIComponent(`job-name=${name}`);
    const path = `/api/v1${podsPath({ context, namespace })}?labelSelector=${selector}`;
    const { status, body } = await api.ask({ method: 'GET', path });
    if (status !== 200) return unknown;
    const pods = (body as { readonly items: readonly unknown[] }).items.map(podFacts);
    return stateOf(pods, { name, container: place.container?.podContainer?.name ?? '' });
  } catch (error) {
    return { ...unknown, cause: messageOf(error) };
  }
}

function stateOf(
  pods: readonly PodFacts[],
  { name, container }: { readonly name: string; readonly container: string },
): Postmortem {
  const [pod, second] = pods;
  if (pod === undefined) return { state: 'gone', oom: null, cause: `The pod of Job ${name} was removed` };
  if (second !== undefined) {
    return {
      state: 'unknown',
      oom: null,
      cause: `Job ${name} has started ${pods.length} pods for one attempt`,
    };
  }
  const end = pod.containers.find((one) => one.name === container)?.terminated ?? null;
  const oom = end === null ? null : end.reason === 'OOMKilled';
  if (pod.reason === 'Evicted') {
    return { state: 'stopped', oom, cause: `Pod ${pod.name} was evicted: ${pod.message ?? ''}`.trimEnd() };
  }
  if (pod.phase === 'Failed' && pod.reason !== null) {
    return {
      state: 'stopped',
      oom,
      cause: `Pod ${pod.name} failed: ${pod.reason}, ${pod.message ?? ''}`.trimEnd(),
    };
  }
  if (end !== null) return { state: 'stopped', oom, cause: `Pod ${pod.name} ${howItEnded(end)}` };
  return { state: pod.isDeleting ? 'gone' : 'running', oom: null, cause: null };
}

/** Remove a Job with its pod and its Secret; a place that is no Job is left alone. */
export async function disposeJob(apiOf: ApiOf, place: Place): Promise<void> {
  if (!place.owned || place.container?.job === undefined) return;
  const { context, namespace, name } = jobOf(place);
  const api = await apiOf(context);
  const within = `namespaces/${namespace}`;
  await api.ask({
    method: 'DELETE',
    path: `/apis/batch/v1/${within}/jobs/${name}?propagationPolicy=Background`,
  });
  await api.ask({ method: 'DELETE', path: `/api/v1/${within}/secrets/${name}` });
}

function jobOf({ container }: Place) {
  return {
    context: container?.kubeContext ?? '',
    namespace: container?.namespace ?? '',
    name: (container?.id ?? '').replace(/^job\//, ''),
  };
}
