import type { Spawned } from './host.ts';

/**
 * What berth asks of a Kubernetes cluster. Every call names context and namespace: the ambient ones
 * are never used unasked.
 */
export interface Cluster {
  /** The current context of the kubeconfig and its namespace. Throws `KUBECONFIG_MISSING` without one. */
  current(): Promise<Namespace>;
  /** Pods by name, by workload or by labels; those that have ended as well. Throws `POD_NOT_FOUND` for what is not there. */
  pods(where: Namespace, wanted: PodQuestion): Promise<readonly PodFacts[]>;
  /** Why this may not be done there, in the server's words; null when it may. */
  refusal(where: Namespace, action: Action): Promise<string | null>;
}

export interface Namespace {
  readonly context: string;
  readonly namespace: string;
}

export type PodQuestion =
  | { readonly kind: 'pod'; readonly name: string }
  | { readonly kind: 'workload'; readonly type: WorkloadType; readonly name: string }
  | { readonly kind: 'selector'; readonly selector: string };

export type WorkloadType = 'deployment' | 'statefulset' | 'daemonset' | 'replicaset' | 'job';

/** `create pods/exec` */
export interface Action {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string | null;
}

export interface PodFacts {
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly ready: boolean;
  /** It was deleted and ends now. */
  readonly isDeleting: boolean;
  /** Why the whole pod failed, such as `Evicted`, or why it is not scheduled, in the cluster's words. */
  readonly reason: string | null;
  readonly message: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Empty where it cannot be known from the object. */
  readonly hostname: string;
  /** What runs it, such as `Deployment web`; null for a pod of its own. */
  readonly owner: string | null;
  /** Without init containers, and so without native sidecars. */
  readonly containers: readonly PodContainer[];
}

export interface PodContainer {
  readonly name: string;
  readonly image: string;
  /** With its runtime in front; empty before it was created. */
  readonly id: string;
  readonly workingDir: string | null;
  /** False where the pod's own words leave no place for a run's directory; true is no promise. */
  readonly canWrite: boolean;
  readonly isRunning: boolean;
  readonly restarts: number;
  readonly waiting: { readonly reason: string; readonly message: string } | null;
  readonly terminated: ContainerEnd | null;
  /** The end before the last restart. */
  readonly lastEnd: ContainerEnd | null;
}

export interface ContainerEnd {
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
}

/** What the user's own settings allow; a project cannot widen it. */
export interface ClusterPolicy {
  /** Patterns of contexts; null allows every context that is named. */
  readonly contexts: readonly string[] | null;
  readonly denyNamespaces: readonly string[];
}

/** One container of one pod. */
export interface PodTarget extends Namespace {
  readonly pod: string;
  readonly container: string;
}

/** The command that runs `argv` in a container of a pod. The names were checked: none begins with a dash. */
export function kubectlExec(
  target: PodTarget,
  argv: readonly string[],
  streams: { readonly stdin: boolean; readonly tty: boolean },
): readonly string[] {
  return [
    'kubectl',
    `--context=${target.context}`,
    `--namespace=${target.namespace}`,
    'exec',
    '--quiet',
    ...(streams.stdin ? ['--stdin'] : []),
    ...(streams.tty ? ['--tty'] : []),
    `--container=${target.container}`,
    target.pod,
    '--',
    ...argv,
  ];
}

/** The API of one cluster, spoken with the user's own credentials. Paths begin with `/api` or `/apis`. */
export interface KubeApi {
  /** Never throws for a bad status. Throws `CLUSTER_UNREACHABLE`, `KUBE_CONTEXT_NOT_FOUND` and their like. */
  ask(question: KubeQuestion): Promise<KubeAnswer>;
  /** The body as it comes; ends with the connection. Throws as `ask`, and for a bad status. */
  stream(path: string, signal: AbortSignal): AsyncIterable<Buffer>;
  /**
   * A program in a pod, over a connection of our own that is its leash; null where only kubectl can do that, or where
   * it was refused. Never throws.
   */
  exec(target: PodTarget, argv: readonly string[]): Promise<Spawned | null>;
}

export interface KubeQuestion {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

export interface KubeAnswer {
  readonly status: number;
  /** The parsed object; of a refusal its `Status`. */
  readonly body: unknown;
  /** The server's sentence of a refusal. */
  readonly message: string;
}
