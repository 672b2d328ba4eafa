import {
  ANY_CONTAINER,
  type ContainerRequest,
  type ContextRequest,
  plainContext,
} from '../../core/context.ts';
import type { Candidate, ComposeProject, ComposeService, Detection } from '../../core/detection.ts';
import { BerthError } from '../../core/errors.ts';
import type { ContainerFacts, Inspector } from '../../core/inspect.ts';
import type { Devcontainer } from '../devcontainer.ts';
import type { ProjectFile } from '../project-file.ts';
import type { Engine, World } from './world.ts';

/** A machine for tests: plain facts instead of engines and files. */
export interface MadeUp {
  /** Containers of an engine; `silent` does not answer. */
  readonly docker?: readonly ContainerFacts[] | 'silent';
  readonly podman?: readonly ContainerFacts[] | 'silent';
  /** Host directories by the name of the volume that binds them. */
  readonly boundVolumes?: Readonly<Record<string, string>>;
  readonly images?: Readonly<Record<string, { readonly workingDir: string }>>;
  /** Symlinks: the path, and where it leads. */
  readonly links?: Readonly<Record<string, string>>;
  readonly missing?: readonly string[];
  readonly candidates?: readonly Candidate[];
  readonly root?: string;
  readonly ambiguous?: boolean;
  readonly project?: ComposeProject;
  readonly devcontainer?: Devcontainer;
  readonly bringUp?: World['bringUp'];
  readonly file?: ProjectFile;
  readonly git?: Partial<World['git']>;
  readonly kubernetes?: World['kubernetes'];
}

export function madeUp(facts: MadeUp): World {
  const realpath = (path: string) => {
    const link = Object.keys(facts.links ?? {}).find((from) => path === from || path.startsWith(`${from}/`));
    return link === undefined ? path : `${facts.links?.[link]}${path.slice(link.length)}`;
  };
  return {
    host: 'local',
    files: {
      realpath,
      isDirectory: (path) => facts.missing?.includes(path) !== true,
      identity: (path) => ({ bootId: 'boot', inode: realpath(path) }),
    },
    projectFile: async () => facts.file ?? null,
    detect: async (dir) => detection(realpath(dir), facts),
    compose: async () => facts.project ?? null,
    devcontainer: async () => {
      if (facts.devcontainer) return facts.devcontainer;
      throw new Error('no devcontainer.json was made up');
    },
    bringUp: facts.bringUp ?? null,
    inspector: (engine) => inspector(engine, facts),
    probe: async (engine) => ({
      available: false,
      state: 'no_daemon',
      version: null,
      reason: `${engine} has no daemon.`,
    }),
    kubernetes: facts.kubernetes ?? NO_CLUSTER,
    git: {
      facts: async () => null,
      repository: () => null,
      worktrees: async () => [],
      addWorktree: null,
      ...facts.git,
    },
    toolchain: async () => ({ toolchain: null, warnings: [] }),
  };
}

const noCluster = () => Promise.reject(new Error('no cluster was made up'));
const NO_CLUSTER: World['kubernetes'] = {
  cluster: { current: noCluster, pods: noCluster, refusal: noCluster },
  policy: noCluster,
  manifest: noCluster,
};

export function container(facts: Partial<ContainerFacts> & { readonly name: string }): ContainerFacts {
  return {
    id: `id-of-${facts.name}`,
    image: 'acme/app',
    imageId: 'sha256:1',
    hostname: `host-of-${facts.name}`,
    state: 'running',
    exitCode: null,
    oomKilled: false,
    health: null,
    labels: {},
    mounts: [],
    ports: {},
    workingDir: '/srv',
    user: '',
    env: [],
    createdAt: '',
    ...facts,
  };
}

/** A container as Compose makes it: `shop-web-1` of the project `shop`, started from a directory. */
export function composed(
  service: string,
  dir: string,
  facts: Partial<ContainerFacts> & { readonly project?: string; readonly number?: number } = {},
): ContainerFacts {
  const { project = 'shop', number = 1, ...rest } = facts;
  return container({
    name: `${project}-${service}-${number}`,
    ...rest,
    labels: {
      'com.docker.compose.project': project,
      'com.docker.compose.service': service,
      'com.docker.compose.container-number': String(number),
      'com.docker.compose.oneoff': 'False',
      'com.docker.compose.project.working_dir': dir,
      'com.docker.compose.project.config_files': `${dir}/compose.yaml`,
      ...rest.labels,
    },
  });
}

export function bind(source: string, destination: string): ContainerFacts['mounts'][number] {
  return { type: 'bind', source, destination, readOnly: false };
}

export function service(name: string, facts: Partial<ComposeService> = {}): ComposeService {
  return {
    name,
    image: 'acme/app',
    build: null,
    profiles: [],
    enabled: true,
    volumes: [],
    tmpfs: [],
    workingDir: null,
    user: null,
    containerName: null,
    dependsOn: [],
    ...facts,
  };
}

export function project(dir: string, ...services: readonly ComposeService[]): ComposeProject {
  return { dir, files: [`${dir}/compose.yaml`], name: 'shop', services, activeProfiles: [], warnings: [] };
}

export function candidate(type: Candidate['type'], path: string): Candidate {
  const dir = path.slice(0, path.lastIndexOf('/'));
  return { type, dir, confidence: 'strong', evidence: [{ path, rule: `a file of ${type}` }] };
}

export function request(workdir: string, facts: Partial<ContextRequest> = {}): ContextRequest {
  return { ...plainContext(workdir), ...facts };
}

/** `--use-container`, with further options. */
export function asked(options: Partial<ContainerRequest> = {}): ContainerRequest {
  const isExplicit = ['type', 'image', 'service', 'name'].some((key) => key in options);
  return { ...ANY_CONTAINER, mode: isExplicit ? 'explicit' : 'auto', ...options };
}

export function berthYaml(container: Partial<NonNullable<ProjectFile['container']>>): ProjectFile {
  return {
    path: '/p/berth.yaml',
    trusted: true,
    container: {
      use: false,
      type: null,
      service: null,
      image: null,
      name: null,
      user: null,
      start: false,
      build: false,
      allowHost: false,
      ...container,
    },
    workdir: null,
    kubernetes: null,
    env: {},
    prereqs: [],
    venv: null,
    warnings: [],
  };
}

/** What a directory with a Compose file shows. */
export const COMPOSE = candidate('docker_compose', '/p/compose.yaml');
export const web = service('web', {
  volumes: [{ type: 'bind', source: '/p', target: '/app', readOnly: false }],
});
export const db = service('db', { image: 'postgres:16' });
/** /p with a Compose project that runs: web mounts it, db does not. */
export const shop: MadeUp = {
  candidates: [COMPOSE],
  project: project('/p', db, web),
  docker: [
    composed('web', '/p', { mounts: [bind('/p', '/app')] }),
    composed('db', '/p', { image: 'postgres:16' }),
  ],
};

function detection(dir: string, facts: MadeUp): Detection {
  const candidates = facts.candidates ?? [];
  const [winner] = candidates;
  const { devcontainer } = facts;
  return {
    dir,
    root: facts.root ?? dir,
    type: winner?.type ?? null,
    reason: winner ? `${winner.evidence[0]?.path} won.` : 'Nothing was found.',
    ambiguous: facts.ambiguous ?? false,
    candidates,
    ...(devcontainer && {
      devcontainer: {
        path: devcontainer.path,
        kind: devcontainer.source.kind,
        service: devcontainer.source.kind === 'compose' ? devcontainer.source.service : null,
      },
    }),
    warnings: [],
  };
}

function inspector(engine: Engine, facts: MadeUp): Inspector {
  const known = async () => {
    const containers = facts[engine] ?? (engine === 'docker' ? [] : 'silent');
    if (containers !== 'silent') return containers;
    throw new BerthError(`${engine} does not answer.`, {
      code: 'RUNTIME_UNAVAILABLE',
      hint: `Start ${engine}.`,
    });
  };
  return {
    engine,
    byLabels: async (labels) =>
      (await known()).filter((one) =>
        Object.entries(labels).every(
          ([key, value]) => key in one.labels && (value === '' || one.labels[key] === value),
        ),
      ),
    container: async (name) => (await known()).find((one) => one.name === name || one.id === name) ?? null,
    // as `docker ps`: paused and restarting ones are in it
    running: async () =>
      (await known()).filter(({ state }) => ['running', 'paused', 'restarting'].includes(state)),
    image: async (name) => {
      await known();
      const image = facts.images?.[name];
      return image === undefined ? null : { id: name, workingDir: image.workingDir, user: '', env: [] };
    },
    boundVolumes: async (names) =>
      Object.fromEntries(Object.entries(facts.boundVolumes ?? {}).filter(([name]) => names.includes(name))),
  };
}
