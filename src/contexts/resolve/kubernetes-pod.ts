import type { Namespace, PodContainer, PodFacts, PodQuestion } from '../../core/cluster.ts';
import type { Rejection } from '../../core/context.ts';
import { BerthError } from '../../core/errors.ts';

interface Choice {
  readonly pod: PodFacts;
  readonly reason: string;
  readonly rejected: readonly Rejection[];
}

interface Search {
  /** As it was asked for. */
  readonly label: string;
  readonly where: Namespace;
  readonly wanted: PodQuestion;
}

/**
 * One ready pod. Equal replicas are all right, so the first by name is taken; pods of different
 * workloads are not.
 *
 * @throws {BerthError} `POD_NOT_FOUND`, `POD_NOT_READY`, `CONTEXT_AMBIGUOUS`
 */
export function choosePod(pods: readonly PodFacts[], { label, where, wanted }: Search): Choice {
  const sorted = pods.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const states = sorted.map((pod) => ({ pod, problem: problemOf(pod) }));
  const ready = states.filter(({ problem }) => problem === null).map(({ pod }) => pod);
  const [pod] = ready;
  const place = `context ${where.context}, namespace ${where.namespace}`;
  if (states.length === 0) {
    throw new BerthError(`No pod belongs to ${label} (${place}).`, {
      code: 'POD_NOT_FOUND',
      hint: `\`kubectl --context ${where.context} -n ${where.namespace} get pods --show-labels\` lists the pods.`,
    });
  }
  if (pod === undefined) throw notReady(states, place, where);
  const owners = [...new Set(ready.map((one) => one.owner ?? one.name))];
  if (wanted.kind === 'selector' && owners.length > 1) {
    throw new BerthError(
      `The selector "${wanted.selector}" fits pods of ${owners.join(' and ')} (${place}).`,
      {
        code: 'CONTEXT_AMBIGUOUS',
        hint: `Name one: ${ready
          .slice(0, 3)
          .map(({ name }) => `--pod ${name}`)
          .join(' or ')}.`,
      },
    );
  }
  const count = ready.length === 1 ? 'the only ready pod' : `the first of ${ready.length} ready pods`;
  return {
    pod,
    reason:
      wanted.kind === 'pod' ? `Pod "${pod.name}" was named.` : `Pod "${pod.name}" is ${count} of ${label}.`,
    rejected: states
      .filter((one) => one.pod !== pod)
      .map((one) => ({
        name: one.pod.name,
        reason: one.problem ?? 'as good; the first by name is taken',
      })),
  };
}

/** Why a pod cannot be entered; null for a ready one. */
function problemOf(pod: PodFacts): string | null {
  if (pod.isDeleting) return 'it is being deleted';
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') return `it has ended (${pod.reason ?? pod.phase})`;
  if (pod.ready) return null;
  const stuck = pod.containers.find(({ waiting }) => waiting !== null);
  if (stuck?.waiting) {
    const { reason, message } = stuck.waiting;
    return `container ${stuck.name} waits: ${[reason, message].filter(Boolean).join(', ')}`;
  }
  const words = [pod.reason, pod.message].filter(Boolean).join(', ');
  return words === '' ? `it is ${pod.phase} and not ready` : `it is ${pod.phase}: ${words}`;
}

function notReady(
  states: readonly { readonly pod: PodFacts; readonly problem: string | null }[],
  place: string,
  { context, namespace }: Namespace,
): BerthError {
  const words = states.slice(0, 3).map(({ pod, problem }) => `${pod.name}: ${problem}`);
  const [first] = states;
  return new BerthError(`No pod is ready (${place}): ${words.join('; ')}.`, {
    code: 'POD_NOT_READY',
    hint: `See \`kubectl --context ${context} -n ${namespace} describe pod ${first?.pod.name ?? ''}\`.`,
  });
}

/**
 * The container that was named, the one that the default-container annotation names, or the only one
 * that is no sidecar.
 *
 * @throws {BerthError} `CONTAINER_NOT_FOUND`, `CONTAINER_NOT_RUNNING`, `CONTEXT_AMBIGUOUS`
 */
export function chooseContainer(pod: PodFacts, asked: string | null): PodContainer {
  const names = pod.containers.map(({ name }) => name);
  const wanted = asked ?? pod.annotations['kubectl.kubernetes.io/default-container'] ?? null;
  const found = wanted === null ? candidates(pod) : pod.containers.filter(({ name }) => name === wanted);
  const [container, second] = found;
  if (container === undefined) {
    throw new BerthError(`The pod ${pod.name} has no container "${wanted}"; it has ${names.join(', ')}.`, {
      code: 'CONTAINER_NOT_FOUND',
      hint: `Name one of them: --kube-container ${names[0] ?? 'NAME'}.`,
    });
  }
  if (second !== undefined) {
    const tied = found.map(({ name }) => name);
    throw new BerthError(`The pod ${pod.name} has several containers: ${tied.join(', ')}.`, {
      code: 'CONTEXT_AMBIGUOUS',
      hint: `Name one: ${tied.map((name) => `--kube-container ${name}`).join(' or ')}.`,
    });
  }
  if (container.isRunning) return container;
  throw new BerthError(
    `The container ${container.name} of pod ${pod.name} does not run: ${container.waiting?.reason || 'it has ended'}.`,
    {
      code: 'CONTAINER_NOT_RUNNING',
      hint: `See \`kubectl logs ${pod.name} -c ${container.name} --previous\`.`,
    },
  );
}

function candidates(pod: PodFacts): readonly PodContainer[] {
  const own = pod.containers.filter(({ name }) => !SIDECAR.test(name));
  return own.length > 0 ? own : pod.containers;
}

/** Containers that meshes, secret stores and log shippers put into pods of others. */
const SIDECAR =
  /^(?:istio-proxy|linkerd-proxy|envoy(?:-sidecar|-proxy)?|consul-(?:connect-envoy-sidecar|dataplane)|kuma-sidecar|vault-agent|dapr[d]?|cloud-?sql-proxy|aws-otel-collector|otc-container|otel(?:-collector|-agent)|fluent-?bit|fluentd|filebeat|datadog-agent|jaeger-agent|oauth2-proxy|gke-gcsfuse-sidecar|tailscale|newrelic-infra.*)$/;
