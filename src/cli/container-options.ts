import { resolve } from 'node:path';
import { closest } from '../core/closest.ts';
import {
  CONTAINER_TYPES,
  type ContainerRequest,
  type ContainerType,
  type KubernetesJobRequest,
  type KubernetesRequest,
} from '../core/context.ts';
import { parseDuration } from '../core/duration.ts';
import { BerthError } from '../core/errors.ts';
import { type ContextFlags, checkName, conflict } from './context-options.ts';

const JOB_FLAGS = [
  'kube-job',
  'kube-resource',
  'kube-service-account',
  'kube-node',
  'kube-manifest',
  'kube-pending-timeout',
] as const;
const KUBERNETES_FLAGS = [
  'pod',
  'selector',
  'namespace',
  'kube-context',
  'kube-container',
  ...JOB_FLAGS,
] as const;
const TARGET_FLAGS = ['container', 'container-image', 'container-service', 'pod', 'selector'] as const;
const START_FLAGS = ['volume', 'port', 'docker-arg', 'hardened'] as const;
const DETAIL_FLAGS = [...START_FLAGS, 'user', 'start', 'build'] as const;

type ValueFlag =
  | 'pod'
  | 'namespace'
  | 'kube-context'
  | 'kube-container'
  | 'kube-service-account'
  | Exclude<(typeof TARGET_FLAGS)[number], 'selector'>;

/** The container that was asked for; null is the host. Any option but `--use-container` alone fails closed. */
export function containerRequest(flags: ContextFlags, workdir: string): ContainerRequest | null {
  const explicit = givenFlags(flags, [...TARGET_FLAGS, ...KUBERNETES_FLAGS, 'container-type']);
  const details = givenFlags(flags, DETAIL_FLAGS);
  const asked = flags['use-container'] ? ['use-container', ...explicit] : explicit;
  if (asked.length === 0 || flags['no-container']) {
    rejectStray([...asked, ...details], flags['no-container']);
    return null;
  }
  const type = containerType(flags);
  rejectContradictions(flags, type, givenFlags(flags, START_FLAGS));
  return {
    // what asks for a hardened container must not end up in any other place
    mode: explicit.length > 0 || flags.hardened ? 'explicit' : 'auto',
    type,
    image: name(flags, 'container-image'),
    service: name(flags, 'container-service'),
    name: name(flags, 'container'),
    kubernetes: givenFlags(flags, KUBERNETES_FLAGS).length === 0 ? null : kubernetes(flags, workdir),
    volumes: flags.volume.map((volume) => checkVolume(volume, workdir)),
    ports: flags.port.map(checkPort),
    user: flags.user === null ? null : checkName('--user', flags.user),
    engineArgs: flags['docker-arg'],
    ...(flags.hardened && { hardened: true }),
    allowHost: flags['allow-host'],
    start: flags.start,
    build: flags.build,
  };
}

function givenFlags<N extends keyof ContextFlags>(flags: ContextFlags, names: readonly N[]): readonly N[] {
  return [...new Set(names)].filter((name) => {
    const value = flags[name];
    return Array.isArray(value) ? value.length > 0 : value !== null && value !== false;
  });
}

function rejectStray(names: readonly string[], noContainer: boolean): void {
  const [first] = names;
  if (first === undefined) return;
  if (noContainer)
    throw conflict(`--no-container and --${first} contradict each other.`, 'Give one of them.');
  throw conflict(
    `--${first} says something about a container, but none is asked for.`,
    'Add --use-container, --container-service or --container-image.',
  );
}

function containerType(flags: ContextFlags): ContainerType | null {
  const asked = flags['container-type'];
  if (asked !== null) return parseContainerType(asked);
  if (givenFlags(flags, KUBERNETES_FLAGS).length > 0) return 'kubernetes';
  return flags['container-service'] === null ? null : 'docker_compose';
}

/** A type by its name or the short one people use. */
export function parseContainerType(text: string): ContainerType {
  const type = TYPE_ALIASES[text] ?? CONTAINER_TYPES.find((known) => known === text);
  if (type !== undefined) return type;
  const near = closest(text, [...CONTAINER_TYPES, ...Object.keys(TYPE_ALIASES)]);
  throw new BerthError(`--container-type ${JSON.stringify(text)} is not a container type.`, {
    code: 'INVALID_VALUE',
    hint: near === null ? `The types are ${CONTAINER_TYPES.join(', ')}.` : `Did you mean ${near}?`,
  });
}

const TYPE_ALIASES: Readonly<Record<string, ContainerType>> = {
  compose: 'docker_compose',
  k8s: 'kubernetes',
};

function rejectContradictions(
  flags: ContextFlags,
  type: ContainerType | null,
  starts: readonly string[],
): void {
  const [first, second] = givenFlags(flags, TARGET_FLAGS);
  if (second !== undefined) {
    throw conflict(`--${first} and --${second} name two different places.`, 'Give one of them.');
  }
  const jobFlag = givenFlags(flags, JOB_FLAGS)[0];
  if (jobFlag !== undefined && (flags.pod !== null || flags.selector !== null)) {
    throw conflict(
      `--${jobFlag} is for a Job of its own, and ${flags.pod === null ? '--selector' : '--pod'} names a pod that runs.`,
      'Give one of them.',
    );
  }
  if (jobFlag !== undefined && !flags['kube-job']) {
    throw conflict(`--${jobFlag} says something about a Job, but none is asked for.`, 'Add --kube-job.');
  }
  const kubernetesFlag = givenFlags(flags, KUBERNETES_FLAGS)[0];
  const otherFlag = givenFlags(flags, ['container', 'container-service'])[0];
  if (kubernetesFlag !== undefined && otherFlag !== undefined) {
    throw conflict(`--${otherFlag} and --${kubernetesFlag} name two different places.`, 'Give one of them.');
  }
  if (kubernetesFlag !== undefined && flags['container-image'] !== null && !flags['kube-job']) {
    throw conflict(
      `--container-image starts a container, and --${kubernetesFlag} enters a pod that runs.`,
      'Add --kube-job to run the image in the cluster.',
    );
  }
  if (kubernetesFlag !== undefined && type !== 'kubernetes') {
    throw conflict(
      `--${kubernetesFlag} does not go with the container type ${type}.`,
      'Use --container-type kubernetes.',
    );
  }
  if (
    flags['container-service'] !== null &&
    type !== 'docker_compose' &&
    type !== 'podman' &&
    type !== 'devcontainer'
  ) {
    throw conflict(
      `--container-service does not go with the container type ${type}.`,
      'Use --container-type compose.',
    );
  }
  if (flags.container !== null && type === 'kubernetes') {
    throw conflict(
      '--container names a container of a local engine.',
      'Use --pod, with --kube-container for one of several.',
    );
  }
  if (flags.container !== null && starts[0] !== undefined) {
    throw conflict(
      `--${starts[0]} is for a container that berth starts, and --container enters a running one.`,
      'Leave one of them out.',
    );
  }
}

function name(flags: ContextFlags, flag: ValueFlag): string | null {
  const value = flags[flag];
  return value === null ? null : checkName(`--${flag}`, value);
}

function kubernetes(flags: ContextFlags, workdir: string): KubernetesRequest {
  return {
    pod: name(flags, 'pod'),
    selector: flags.selector === null ? null : checkSelector(flags.selector),
    namespace: name(flags, 'namespace'),
    context: name(flags, 'kube-context'),
    container: name(flags, 'kube-container'),
    ...(flags['kube-job'] && { job: job(flags, workdir) }),
  };
}

/** `app in (a, b)` has blanks. */
function checkSelector(text: string): string {
  checkName('--selector', text.replaceAll(' ', ''));
  return text;
}

function job(flags: ContextFlags, workdir: string): KubernetesJobRequest {
  const pending = flags['kube-pending-timeout'];
  const manifest = flags['kube-manifest'];
  return {
    serviceAccount: name(flags, 'kube-service-account'),
    resources: pairs('--kube-resource', flags['kube-resource']),
    nodeSelector: pairs('--kube-node', flags['kube-node']),
    manifest: manifest === null ? null : resolve(workdir, manifest),
    pendingMs: pending === null ? null : parseDuration('--kube-pending-timeout', pending),
  };
}

function pairs(option: string, texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const match = /^([\w./-]+)=([\w.-]*)$/.exec(text);
      if (match) return [match[1] ?? '', match[2] ?? ''];
      throw new BerthError(`${option} ${JSON.stringify(text)} is not NAME=VALUE.`, {
        code: 'INVALID_VALUE',
        hint: 'Such as --kube-resource memory=1Gi, --kube-node disk=ssd.',
      });
    }),
  );
}

/** `HOST:CONTAINER[:ro]`; a relative host path starts at the work directory. A bare name is a volume of the engine. */
function checkVolume(text: string, workdir: string): string {
  const [source = '', target = '', ...options] = text.split(':');
  if (source === '' || !target.startsWith('/') || options.length > 1) {
    throw new BerthError(`--volume ${JSON.stringify(text)} is not HOST:CONTAINER or HOST:CONTAINER:ro.`, {
      code: 'INVALID_VALUE',
      hint: 'The path in the container is absolute: --volume ./data:/data:ro.',
    });
  }
  const isPath = source.startsWith('/') || source.startsWith('.');
  return [isPath ? resolve(workdir, source) : checkName('--volume', source), target, ...options].join(':');
}

/** `HOST:CONTAINER`, or with an address in front and `/udp` behind. */
function checkPort(text: string): string {
  const match =
    /^(?:(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):)?(\d{1,5}):(\d{1,5})(?:\/(?:tcp|udp))?$/.exec(text);
  if (match && [match[1], match[2]].every((port) => Number(port) >= 1 && Number(port) <= 65_535)) return text;
  throw new BerthError(`--port ${JSON.stringify(text)} is not HOST:CONTAINER.`, {
    code: 'INVALID_VALUE',
    hint: 'Both are numbers from 1 to 65535: --port 8080:3000.',
  });
}
