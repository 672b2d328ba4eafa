import type { ContainerEnd, PodContainer, PodFacts } from './cluster.ts';

/** What berth needs of a pod object as the API gives it. */
export function podFacts(object: unknown): PodFacts {
  const { metadata, spec, status } = object as Pod;
  const conditions = status?.conditions ?? [];
  const unscheduled = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  const states = new Map((status?.containerStatuses ?? []).map((one) => [one.name, one]));
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    phase: status?.phase ?? 'Unknown',
    ready: conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    isDeleting: metadata.deletionTimestamp !== undefined,
    reason: status?.reason ?? unscheduled?.reason ?? null,
    message: status?.message ?? unscheduled?.message ?? null,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    hostname: hostnameOf(metadata.name, spec),
    owner: ownerOf(metadata),
    containers: spec.containers.map((one) => containerOf(one, states.get(one.name))),
  };
}

/** Source: kubelet, `GeneratePodHostNameAndDomain`. */
function hostnameOf(name: string, { hostname, hostNetwork, setHostnameAsFQDN }: Pod['spec']): string {
  if (hostNetwork || setHostnameAsFQDN) return '';
  return (hostname || name).slice(0, 63).replace(/[-.]+$/, '');
}

/** A Deployment's pods belong to ReplicaSets that are named after it and the template's hash. */
function ownerOf({ ownerReferences = [], labels = {} }: Pod['metadata']): string | null {
  const owner = ownerReferences.find(({ controller }) => controller);
  if (owner === undefined) return null;
  const hash = labels['pod-template-hash'];
  return owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)
    ? `Deployment ${owner.name.slice(0, -hash.length - 1)}`
    : `${owner.kind} ${owner.name}`;
}

function containerOf(spec: Pod['spec']['containers'][number], status: Status | undefined): PodContainer {
  const waiting = status?.state?.waiting;
  return {
    name: spec.name,
    image: spec.image ?? '',
    id: status?.containerID ?? '',
    workingDir: spec.workingDir ?? null,
    canWrite: canWrite(spec),
    isRunning: status?.state?.running !== undefined,
    restarts: status?.restartCount ?? 0,
    waiting: waiting ? { reason: waiting.reason ?? '', message: waiting.message ?? '' } : null,
    terminated: endOf(status?.state?.terminated),
    lastEnd: endOf(status?.lastState?.terminated),
  };
}

/** Container engines mount `/dev/shm` themselves, writable, unless the pod does. */
function canWrite({
  securityContext,
  volumeMounts = [],
  env = [],
}: Pod['spec']['containers'][number]): boolean {
  if (!securityContext?.readOnlyRootFilesystem) return true;
  const named = env.find(({ name }) => name === 'TMPDIR')?.value;
  return ['/tmp', '/var/tmp', '/run', '/dev/shm', ...(named ? [named] : [])].some((place) => {
    const [mount] = volumeMounts
      .filter(({ mountPath }) => `${place}/`.startsWith(`${mountPath.replace(/\/+$/, '')}/`))
      .toSorted((a, b) => b.mountPath.length - a.mountPath.length);
    return mount === undefined ? place === '/dev/shm' : mount.readOnly !== true;
  });
}

function endOf(end: Terminated | undefined): ContainerEnd | null {
  return end ? { exitCode: end.exitCode, reason: end.reason ?? '', message: end.message ?? '' } : null;
}

interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly {
      readonly kind: string;
      readonly name: string;
      readonly controller?: boolean;
    }[];
  };
  readonly spec: {
    readonly hostname?: string;
    readonly hostNetwork?: boolean;
    readonly setHostnameAsFQDN?: boolean;
    readonly containers: readonly {
      readonly name: string;
      readonly image?: string;
      readonly workingDir?: string;
      readonly securityContext?: { readonly readOnlyRootFilesystem?: boolean };
      readonly volumeMounts?: readonly { readonly mountPath: string; readonly readOnly?: boolean }[];
      readonly env?: readonly { readonly name: string; readonly value?: string }[];
    }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly Status[];
  };
}

interface Status {
  readonly name: string;
  readonly containerID?: string;
  readonly restartCount?: number;
  readonly state?: {
    readonly running?: object;
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly terminated?: Terminated;
  };
  readonly lastState?: { readonly terminated?: Terminated };
}

interface Terminated {
  readonly exitCode: number;
  readonly reason?: string;
  readonly message?: string;
}
