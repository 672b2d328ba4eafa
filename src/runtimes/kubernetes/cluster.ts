import type { Action, Cluster, KubeApi, Namespace, PodQuestion, WorkloadType } from '../../core/cluster.ts';
import { BerthError } from '../../core/errors.ts';
import type { Host } from '../../core/host.ts';
import { podFacts } from '../../core/pod-facts.ts';
import { currentContext } from './kubeconfig.ts';

/** How long "you may" is believed; when it is no longer so, the cluster says it again at the deed itself. */
const BELIEVED_MS = 60_000;

/** The cluster of any context, through its API. */
export function clusterOf(host: Host, apiOf: (context: string) => KubeApi): Cluster {
  const allowedAtMs = new Map<string, number>();
  return {
    current: () => currentContext(host),

    async pods(where, wanted) {
      const api = apiOf(where.context);
      if (wanted.kind === 'pod') {
        return [
          podFacts(
            await read(api, where, {
              path: `/api/v1${podsPath(where)}/${encodeURIComponent(wanted.name)}`,
              what: `pod "${wanted.name}"`,
            }),
          ),
        ];
      }
      const selector = wanted.kind === 'selector' ? wanted.selector : await selectorOf(api, where, wanted);
      const path = `/api/v1${podsPath(where)}?labelSelector=${encodeURIComponent(selector)}`;
      const list = await read(api, where, { path, what: `pods of ${selector}` });
      return ((list as { items?: readonly unknown[] }).items ?? []).map(podFacts);
    },

    async refusal(where, action) {
      const key = JSON.stringify([where, action]);
      if (performance.now() - (allowedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < BELIEVED_MS) return null;
      const words = await refusal(apiOf(where.context), where, action);
      if (words === null) allowedAtMs.set(key, performance.now());
      return words;
    },
  };
}

export function podsPath({ namespace }: Namespace): string {
  return `/namespaces/${encodeURIComponent(namespace)}/pods`;
}

const RESOURCES: Readonly<Record<WorkloadType, readonly [group: string, plural: string]>> = {
  deployment: ['apps', 'deployments'],
  statefulset: ['apps', 'statefulsets'],
  daemonset: ['apps', 'daemonsets'],
  replicaset: ['apps', 'replicasets'],
  job: ['batch', 'jobs'],
};

/** The label selector of a workload, as its own specification has it. */
async function selectorOf(
  api: KubeApi,
  where: Namespace,
  { type, name }: Extract<PodQuestion, { kind: 'workload' }>,
): Promise<string> {
  const [group, plural] = RESOURCES[type];
  const path = `/apis/${group}/v1/namespaces/${encodeURIComponent(where.namespace)}/${plural}/${encodeURIComponent(name)}`;
  const workload = (await read(api, where, { path, what: `${type} "${name}"` })) as Workload;
  if (workload.spec?.replicas === 0) {
    throw new BerthError(`The ${type} "${name}" in ${where.namespace} has zero replicas.`, {
      code: 'NO_REPLICAS',
      hint: `Start one: \`kubectl --context ${where.context} -n ${where.namespace} scale ${type} ${name} --replicas=1\`.`,
    });
  }
  const { matchLabels = {}, matchExpressions = [] } = workload.spec?.selector ?? {};
  return [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(expression),
  ].join(',');
}

interface Workload {
  readonly spec?: {
    readonly replicas?: number;
    readonly selector?: {
      readonly matchLabels?: Readonly<Record<string, string>>;
      readonly matchExpressions?: readonly Expression[];
    };
  };
}

interface Expression {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

function expression({ key, operator, values = [] }: Expression): string {
  switch (operator) {
    case 'In':
      return `${key} in (${values.join(',')})`;
    case 'NotIn':
      return `${key} notin (${values.join(',')})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
  }
}

interface Reading {
  readonly path: string;
  readonly what: string;
}

async function read(api: KubeApi, where: Namespace, { path, what }: Reading): Promise<unknown> {
  const { status, body, message } = await api.ask({ method: 'GET', path });
  if (status === 200) return body;
  const place = `context ${where.context}, namespace ${where.namespace}`;
  if (status === 404) {
    throw new BerthError(`There is no ${what} (${place}).`, {
      code: 'POD_NOT_FOUND',
      hint: `\`kubectl --context ${where.context} -n ${where.namespace} get pods\` lists the pods.`,
    });
  }
  if (status === 403) throw forbidden(message, where);
  throw new BerthError(`The cluster could not tell about ${what} (${place}): ${message}`, {
    code: status === 400 ? 'INVALID_VALUE' : 'ENGINE_ERROR',
    hint: 'The words above are its own.',
  });
}

export function forbidden(words: string, { context, namespace }: Namespace): BerthError {
  return new BerthError(`You may not do this in context ${context}, namespace ${namespace}: ${words}`, {
    code: 'KUBE_FORBIDDEN',
    hint: 'Ask for the role in docs/kubernetes.md, or name another --namespace.',
  });
}

/** What `kubectl auth can-i` asks. A cluster that does not answer the question is taken to allow it. */
async function refusal(api: KubeApi, { namespace }: Namespace, action: Action): Promise<string | null> {
  const { verb, group, resource, subresource } = action;
  const attributes = { namespace, verb, group, resource, ...(subresource !== null && { subresource }) };
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: attributes },
  };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const answer = await api.ask({ method: 'POST', path, body });
  const status = (answer.body as { status?: { allowed?: boolean; reason?: string } } | null)?.status;
  return status?.allowed === false ? (status.reason ?? '') : null;
}
