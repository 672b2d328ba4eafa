import { closest } from '../../core/closest.ts';
import type { Cluster, ClusterPolicy, Namespace, PodQuestion, WorkloadType } from '../../core/cluster.ts';
import type { KubernetesRequest } from '../../core/context.ts';
import { BerthError } from '../../core/errors.ts';

/**
 * The one context and namespace. `current` is an option's word: a file may not take what happens to be set.
 *
 * @throws {BerthError} `CONTEXT_INCOMPLETE`, `INVALID_VALUE`, `POLICY`
 */
export async function namespaceOf(
  { context, namespace }: KubernetesRequest,
  option: KubernetesRequest | null,
  cluster: Cluster,
): Promise<Namespace> {
  if (context === null) {
    throw new BerthError('This is a Kubernetes context, and nothing names the cluster.', {
      code: 'CONTEXT_INCOMPLETE',
      hint: 'Add --kube-context NAME, or `kubernetes: {context: NAME}` in berth.yaml; --kube-context current takes the ambient one.',
    });
  }
  const isAmbient = context === 'current';
  if (isAmbient && option?.context !== 'current') {
    throw new BerthError(
      'berth.yaml names the Kubernetes context "current", and a file may not take the ambient one.',
      {
        code: 'POLICY',
        hint: 'Name the context in the file, or give --kube-context current yourself.',
      },
    );
  }
  const ambient = isAmbient ? await cluster.current() : null;
  const name = namespace ?? ambient?.namespace ?? null;
  if (name === null) {
    throw new BerthError(`Nothing names the namespace in context "${context}".`, {
      code: 'CONTEXT_INCOMPLETE',
      hint: 'Add --namespace NAME, or `kubernetes: {namespace: NAME}` in berth.yaml.',
    });
  }
  return { context: checkContext(ambient?.context ?? context), namespace: checkLabel('namespace', name) };
}

/** @throws {BerthError} `POLICY` for what the user's own settings do not allow */
export function checkPolicy({ context, namespace }: Namespace, policy: ClusterPolicy): void {
  const { contexts, denyNamespaces } = policy;
  if (contexts !== null && !contexts.some((pattern) => matches(pattern, context))) {
    throw new BerthError(
      `Your settings do not allow the Kubernetes context "${context}"; they allow ${contexts.join(', ') || 'none'}.`,
      {
        code: 'POLICY',
        hint: 'Add it to `kubernetes: {contexts: […]}` in your own config.yaml if tasks may run there.',
      },
    );
  }
  const denied = denyNamespaces.find((pattern) => matches(pattern, namespace));
  if (denied !== undefined) {
    throw new BerthError(`Your settings forbid the Kubernetes namespace "${namespace}" (${denied}).`, {
      code: 'POLICY',
      hint: 'Change `kubernetes: {deny_namespaces: […]}` in your own config.yaml if tasks may run there.',
    });
  }
}

/** `*` stands for any text. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

/**
 * What `--pod` or `--selector` asks for: `web-0`, `pod/web-0`, `deployment/web`, `app=web`.
 *
 * @throws {BerthError} `CONTEXT_INCOMPLETE`, `CONTEXT_CONFLICT`, `INVALID_VALUE`
 */
export function podQuestion({ pod, selector }: KubernetesRequest): PodQuestion {
  if (pod !== null && selector !== null) {
    throw new BerthError(`Both the pod "${pod}" and the selector "${selector}" are named.`, {
      code: 'CONTEXT_CONFLICT',
      hint: 'Give one of them.',
    });
  }
  if (selector !== null) return { kind: 'selector', selector: checkSelector(selector) };
  if (pod === null) {
    throw new BerthError('This is a Kubernetes context, and nothing names a pod.', {
      code: 'CONTEXT_INCOMPLETE',
      hint: 'Add --pod deployment/NAME, --selector app=NAME or --kube-job; `berth explain` lists what the files declare.',
    });
  }
  const slash = pod.indexOf('/');
  const name = checkName('pod', pod.slice(slash + 1));
  const type = slash < 0 ? 'pod' : TYPES[pod.slice(0, slash).toLowerCase()];
  if (type === undefined) throw unknownType(pod, pod.slice(0, slash));
  return type === 'pod' ? { kind: 'pod', name } : { kind: 'workload', type, name };
}

const TYPES: Readonly<Record<string, WorkloadType | 'pod'>> = {
  pod: 'pod',
  pods: 'pod',
  po: 'pod',
  deployment: 'deployment',
  deployments: 'deployment',
  deploy: 'deployment',
  statefulset: 'statefulset',
  statefulsets: 'statefulset',
  sts: 'statefulset',
  daemonset: 'daemonset',
  daemonsets: 'daemonset',
  ds: 'daemonset',
  replicaset: 'replicaset',
  rs: 'replicaset',
  job: 'job',
  jobs: 'job',
};

function unknownType(pod: string, type: string): BerthError {
  const near = closest(type, Object.keys(TYPES));
  return new BerthError(`"${pod}" names no kind of workload that has pods: ${type}.`, {
    code: 'INVALID_VALUE',
    hint:
      near === null ? 'Use deployment/, statefulset/, daemonset/, job/ or a pod.' : `Did you mean ${near}/?`,
  });
}

/** Source: Kubernetes, "Object Names and IDs": RFC 1123 subdomain. */
export function checkName(what: string, name: string): string {
  return checked(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 253, { what, name });
}

/** RFC 1123 label. */
export function checkLabel(what: string, name: string): string {
  return checked(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 63, { what, name });
}

/** Contexts may be called almost anything, such as an ARN. */
function checkContext(name: string): string {
  return checked(/^[^-\s\0-\x1f\x7f][^\s\0-\x1f\x7f]*$/, 500, { what: 'context', name });
}

function checkSelector(name: string): string {
  return checked(/^[A-Za-z0-9!][\w./=!,() -]*$/, 1000, { what: 'label selector', name });
}

function checked(
  grammar: RegExp,
  most: number,
  { what, name }: { readonly what: string; readonly name: string },
): string {
  if (grammar.test(name) && name.length <= most) return name;
  throw new BerthError(`${JSON.stringify(name.slice(0, 80))} is no ${what} of Kubernetes.`, {
    code: 'INVALID_VALUE',
    hint: 'Names are small letters, digits and dashes, and begin with a letter or digit.',
  });
}
