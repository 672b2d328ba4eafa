import { CONTAINER_TYPES } from '../core/context.ts';
import type { Flags } from './command.ts';

const place = 'Context options';
const box = 'Container options';
const pod = 'Kubernetes options';

/** The context options of run, send and explain. */
export const CONTEXT_FLAGS = {
  workdir: {
    type: 'string',
    value: 'DIR',
    completes: 'dir',
    group: place,
    help: 'directory on the host (default: the current one)',
  },
  env: {
    type: 'strings',
    value: 'K=V',
    short: 'e',
    group: place,
    help: "set a variable; K alone copies the caller's value (repeatable)",
  },
  'env-file': {
    type: 'strings',
    value: 'FILE',
    completes: 'file',
    group: place,
    help: "read variables by Compose's rules (repeatable)",
  },
  prereq: {
    type: 'strings',
    value: 'CMD',
    group: place,
    help: 'run before the task, in the same place; a failure stops it (repeatable)',
  },
  'git-branch': { type: 'string', value: 'B', group: place, help: 'the directory must be on this branch' },
  worktree: { type: 'boolean', group: place, help: 'make a git worktree for the branch where there is none' },
  'auto-venv': { type: 'boolean', group: place, help: 'find and activate the toolchain of the project' },
  venv: { type: 'string', value: 'DIR', completes: 'dir', group: place, help: 'activate this one' },
  'no-venv': { type: 'boolean', group: place, help: 'activate none' },
  host: { type: 'string', value: 'H', group: place, help: 'another host of the queue' },
  'use-container': { type: 'boolean', group: box, help: 'use the container that the project has' },
  'no-container': { type: 'boolean', group: box, help: 'run on the host even when one is detected' },
  'container-type': {
    type: 'string',
    value: 'T',
    completes: [...CONTAINER_TYPES, 'compose', 'k8s'],
    group: box,
    help: CONTAINER_TYPES.join(', '),
  },
  'container-image': { type: 'string', value: 'I', group: box, help: 'run in a new container of this image' },
  'container-service': {
    type: 'string',
    value: 'S',
    completes: 'service',
    group: box,
    help: 'enter this Compose service',
  },
  container: { type: 'string', value: 'NAME', group: box, help: 'enter this running container' },
  start: { type: 'boolean', group: box, help: 'start the service when it is stopped' },
  build: { type: 'boolean', group: box, help: "build the image first, from the project's build file" },
  'allow-host': {
    type: 'boolean',
    group: box,
    help: 'permit the host when the asked container cannot be had',
  },
  volume: {
    type: 'strings',
    value: 'H:C[:ro]',
    group: box,
    help: 'mount, in a container that berth starts (repeatable)',
  },
  port: {
    type: 'strings',
    value: 'H:C',
    group: box,
    help: 'publish, in a container that berth starts (repeatable)',
  },
  user: { type: 'string', value: 'U', group: box, help: 'user inside the container' },
  'docker-arg': {
    type: 'strings',
    value: 'A',
    group: box,
    help: 'pass this to the engine, in a container that berth starts (repeatable)',
  },
  hardened: {
    type: 'boolean',
    group: box,
    help: 'a new container without capabilities and network, read-only root, few processes',
  },
  pod: { type: 'string', value: 'P', group: pod, help: 'a pod, or deployment/x, statefulset/x, job/x' },
  selector: { type: 'string', value: 'L', group: pod, help: 'labels of the pod' },
  namespace: { type: 'string', value: 'N', group: pod, help: 'its namespace' },
  'kube-context': {
    type: 'string',
    value: 'C',
    group: pod,
    help: 'its cluster; `current` takes the ambient one',
  },
  'kube-container': { type: 'string', value: 'C', group: pod, help: 'container in the pod' },
  'kube-job': { type: 'boolean', group: pod, help: 'run as a Job of its own, of --container-image' },
  'kube-resource': {
    type: 'strings',
    value: 'R=Q',
    group: pod,
    help: 'what the Job gets at least and at most: cpu=500m, memory=1Gi (repeatable)',
  },
  'kube-service-account': { type: 'string', value: 'S', group: pod, help: 'service account of the Job' },
  'kube-node': {
    type: 'strings',
    value: 'L=V',
    group: pod,
    help: 'label of the nodes of the Job (repeatable)',
  },
  'kube-manifest': {
    type: 'string',
    value: 'FILE',
    completes: 'file',
    group: pod,
    help: 'a Job manifest that the task is put into',
  },
  'kube-pending-timeout': {
    type: 'string',
    value: 'T',
    group: pod,
    help: 'how long the Job may wait for a node or an image (default: 5m)',
  },
} as const satisfies Flags;
