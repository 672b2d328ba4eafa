/**
 * The words for where a task runs: what was asked for (`ContextRequest`, stored with
 * the task) and what that means here and now (`ResolvedContext`, kept with the attempt).
 * Both are plain JSON.
 */

export type ContainerType = 'docker' | 'docker_compose' | 'podman' | 'kubernetes' | 'devcontainer';
export const CONTAINER_TYPES: readonly ContainerType[] = [
  'docker',
  'docker_compose',
  'podman',
  'kubernetes',
  'devcontainer',
];

export interface ContextRequest {
  /** `local`, or another host of the queue. */
  readonly host: string;
  /** Absolute directory on the host, symlinks as the user gave them. */
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Shell lines, run in order before the task, in the same place. */
  readonly prereqs: readonly string[];
  readonly gitBranch: string | null;
  /** Top directory of the git work tree that it was sent from; only where a terminal session may take it. */
  readonly repository?: string;
  readonly worktree: boolean;
  readonly venv: VenvRequest;
  readonly container: ContainerRequest | null;
}

/** Nothing but a directory of this machine. */
export function plainContext(workdir: string): ContextRequest {
  return {
    host: 'local',
    workdir,
    env: {},
    prereqs: [],
    gitBranch: null,
    worktree: false,
    venv: { kind: 'off' },
    container: null,
  };
}

export type VenvRequest =
  | { readonly kind: 'off' }
  | { readonly kind: 'auto' }
  | { readonly kind: 'dir'; readonly dir: string };

/** `null` in a ContextRequest means the host; this says which box was asked for. */
export interface ContainerRequest {
  /** `auto`: use one if the project has one. `explicit`: fail closed. */
  readonly mode: 'auto' | 'explicit';
  readonly type: ContainerType | null;
  readonly image: string | null;
  readonly service: string | null;
  readonly name: string | null;
  readonly kubernetes: KubernetesRequest | null;
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  readonly user: string | null;
  readonly engineArgs: readonly string[];
  /** Only in a new container without capabilities, network and a writable root. Absent means no, as in older tasks. */
  readonly hardened?: boolean;
  readonly allowHost: boolean;
  readonly start: boolean;
  readonly build: boolean;
}

/** `--use-container` alone. */
export const ANY_CONTAINER: ContainerRequest = {
  mode: 'auto',
  type: null,
  image: null,
  service: null,
  name: null,
  kubernetes: null,
  volumes: [],
  ports: [],
  user: null,
  engineArgs: [],
  allowHost: false,
  start: false,
  build: false,
};

export interface KubernetesRequest {
  readonly pod: string | null;
  readonly selector: string | null;
  readonly namespace: string | null;
  readonly context: string | null;
  readonly container: string | null;
  /** Run as a Job of its own instead of entering a pod; the image is the container request's. */
  readonly job?: KubernetesJobRequest;
}

export interface KubernetesJobRequest {
  readonly serviceAccount: string | null;
  /** Limits and requests alike: `{cpu: '500m', memory: '1Gi'}`. */
  readonly resources: Readonly<Record<string, string>>;
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** Absolute path of a Job manifest that everything else is merged into; null for none. */
  readonly manifest: string | null;
  /** How long it may wait for a node or an image; null for five minutes. */
  readonly pendingMs: number | null;
}

/** Everything later steps need; nothing is looked up twice. */
export interface ResolvedContext {
  readonly host: string;
  readonly dir: { readonly host: string; readonly target: string };
  /** What the directory in the box must be, where a mount shows the very one of the host. */
  readonly sameDirectory?: DirectoryIdentity;
  readonly container: ResolvedContainer | null;
  /** User inside the box; null is the box's own default. */
  readonly user: string | null;
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the box that the task does not get; absent where there are none. */
  readonly unset?: readonly string[];
  readonly toolchain: Toolchain | null;
  readonly git: GitFacts | null;
  readonly prereqs: readonly string[];
  readonly warnings: readonly string[];
}

/** Which directory it is, whatever its path; comparable only under one kernel. */
export interface DirectoryIdentity {
  readonly bootId: string;
  /** Device and inode, `2049:131`. */
  readonly inode: string;
}

export interface ResolvedContainer {
  readonly type: ContainerType;
  readonly runtime: 'docker' | 'podman' | 'compose' | 'kubernetes';
  /** The program that enters it. */
  readonly engine: 'docker' | 'podman' | 'kubectl';
  /** Full id of the running container; null when the task will start one. */
  readonly id: string | null;
  /** What the box calls itself, for the proof; null when it is not known before it starts. */
  readonly hostname: string | null;
  /** When the container that was entered had started, in the engine's words; a later start means that it was restarted. */
  readonly startedAt?: string;
  readonly image: string | null;
  readonly project: string | null;
  readonly service: string | null;
  /** Where the project's files are, so that its service can be brought up; null outside Compose. */
  readonly compose: {
    readonly dir: string;
    readonly files: readonly string[];
    /** Services that are brought up together with it, beside what it depends on. */
    readonly alongside?: readonly string[];
  } | null;
  readonly pod: string | null;
  readonly namespace: string | null;
  readonly kubeContext: string | null;
  /** The one container of the one pod; absent outside Kubernetes and for a Job. */
  readonly podContainer?: PodIdentity;
  /** The Job that the task will be; absent where a container is entered. */
  readonly job?: JobPlan;
  /** Host path to container path. */
  readonly volumes: Readonly<Record<string, string>>;
  /** Host port to container port. */
  readonly ports: Readonly<Record<string, string>>;
  /** What a new container is started with; null when one is entered. */
  readonly start: ContainerStart | null;
  readonly reason: string;
  readonly rejected: readonly Rejection[];
}

/** What tells a pod's container from its successor of the same name. */
export interface PodIdentity {
  readonly name: string;
  readonly podUid: string;
  readonly containerId: string;
}

/** What a Job is made with. */
export interface JobPlan extends KubernetesJobRequest {
  /** The user's own manifest, parsed; null for none. */
  readonly template: Readonly<Record<string, unknown>> | null;
}

export interface ContainerStart {
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  readonly engineArgs: readonly string[];
  readonly hardened: boolean;
  /** Build the image under its name first; null when it is there. */
  readonly build: { readonly context: string; readonly file: string } | null;
}

export interface Rejection {
  readonly name: string;
  readonly reason: string;
}

export interface GitFacts {
  readonly root: string;
  readonly branch: string | null;
  /** Path of the linked worktree, or null in the main one. */
  readonly worktree: string | null;
  /** null when it was not looked at: `git status` runs code of untrusted repositories. */
  readonly dirty: boolean | null;
}

/** How a toolchain is switched on: by environment, never by an interactive shell. */
export interface Toolchain {
  /** `venv`, `poetry`, `uv`, `conda`, `nvm` ... */
  readonly kind: string;
  /** Directory of the environment on the side where the task runs; null when a manager has it. */
  readonly dir: string | null;
  /** Directories put in front of PATH. */
  readonly path: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Shell text instead, for a container: only a shell in it can look. It runs in the target directory. */
  readonly script?: string;
  readonly reason: string;
}
