import { dirname } from 'node:path';
import type { ContainerFacts } from '../../core/inspect.ts';
import { backstageRole } from '../backstage.ts';
import { depth, type Mount, type Realpath, within } from '../mounts.ts';

/** Compose writes these, `docker compose`, `docker-compose` and `podman-compose` alike. */
export const COMPOSE = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  number: 'com.docker.compose.container-number',
  oneOff: 'com.docker.compose.oneoff',
  dir: 'com.docker.compose.project.working_dir',
  files: 'com.docker.compose.project.config_files',
  /** Where podman-compose alone keeps the project's name in some versions. */
  podmanProject: 'io.podman.compose.project',
} as const;

export const DEVCONTAINER = {
  folder: 'devcontainer.local_folder',
  file: 'devcontainer.config_file',
} as const;

/** What berth itself started belongs to its task, not to a project. */
const BERTH = 'dev.berth.task';

/** A running container that belongs to a directory, with what shows it. */
export type Belonging =
  | {
      readonly kind: 'devcontainer';
      readonly folder: string;
      readonly file: string | null;
      /** Names of the containers; more than one where they are of different files. */
      readonly names: readonly string[];
    }
  | { readonly kind: 'compose'; readonly dir: string; readonly files: readonly string[] }
  | { readonly kind: 'mount'; readonly containers: readonly ContainerFacts[] };

export interface Place {
  /** Real path of the task's directory. */
  readonly dir: string;
  /** Real path that the search stays below: the git root, or the directory itself. */
  readonly root: string;
  readonly realpath: Realpath;
}

/**
 * The running containers that belong to a directory, best evidence first: a dev container made
 * for it; a Compose project that was started from it, or from above with a service that mounts it;
 * other containers into which it is mounted.
 */
export function belonging(running: readonly ContainerFacts[], place: Place): Belonging | null {
  const foreign = running.filter((container) => container.labels[BERTH] === undefined);
  return madeFor(foreign, place) ?? composedFrom(foreign, place) ?? mountedInto(foreign, place);
}

/** The project that a container says it is of, or null. */
export function projectOf(container: ContainerFacts): string | null {
  return container.labels[COMPOSE.project] ?? container.labels[COMPOSE.podmanProject] ?? null;
}

/** The directory that a Compose container's project was started from, or null when it does not say. */
export function projectDirOf(container: ContainerFacts): string | null {
  const dir = container.labels[COMPOSE.dir];
  if (dir?.startsWith('/') === true) return dir;
  const [file] = projectFilesOf(container);
  return file === undefined ? null : dirname(file);
}

/** Whether two ways of writing a directory mean the same one. */
export function sameDir(a: string | null, b: string, realpath: Realpath): boolean {
  return a !== null && realpath(a) === realpath(b);
}

export function isOneOff(container: ContainerFacts): boolean {
  return container.labels[COMPOSE.oneOff]?.toLowerCase() === 'true';
}

export function mountsOf(container: ContainerFacts): readonly Mount[] {
  return container.mounts.map(({ type, source, destination, readOnly }) => ({
    type,
    source,
    target: destination,
    readOnly,
  }));
}

function madeFor(running: readonly ContainerFacts[], { dir, root, realpath }: Place): Belonging | null {
  const folders = running
    .flatMap((container) => {
      const folder = container.labels[DEVCONTAINER.folder];
      const file = container.labels[DEVCONTAINER.file] ?? null;
      return folder === undefined ? [] : [{ folder, file, name: container.name }];
    })
    .filter(({ folder }) => within(dir, realpath(folder)) && within(realpath(folder), root))
    .sort((a, b) => depth(realpath(b.folder)) - depth(realpath(a.folder)));
  const [nearest] = folders;
  if (nearest === undefined) return null;
  const { folder, file, name } = nearest;
  const others = folders.filter((one) => sameDir(one.folder, folder, realpath) && one.file !== file);
  return { kind: 'devcontainer', folder, file, names: [name, ...others.map((one) => one.name)] };
}

function composedFrom(running: readonly ContainerFacts[], place: Place): Belonging | null {
  const { dir, root, realpath } = place;
  const projects = running
    .filter((container) => projectOf(container) !== null && !isOneOff(container))
    .flatMap((container) => {
      const started = projectDirOf(container);
      return started === null
        ? []
        : [{ started: realpath(started), files: projectFilesOf(container), container }];
    })
    .filter(
      ({ started, container }) =>
        started === dir || (within(dir, started) && within(started, root) && isMountedInto(container, place)),
    )
    .sort((a, b) => depth(b.started) - depth(a.started));
  const [nearest] = projects;
  return nearest === undefined ? null : { kind: 'compose', dir: nearest.started, files: nearest.files };
}

function mountedInto(running: readonly ContainerFacts[], place: Place): Belonging | null {
  const containers = running.filter(
    (container) =>
      !isOneOff(container) && backstageRole(container.image) === null && isMountedInto(container, place),
  );
  return containers.length === 0 ? null : { kind: 'mount', containers };
}

/** A mount of something above the project (`/`, `/home`) says nothing about this one. */
function isMountedInto(container: ContainerFacts, { dir, root, realpath }: Place): boolean {
  return container.mounts.some(({ type, source }) => {
    if (type !== 'bind') return false;
    const real = realpath(source);
    return within(dir, real) && within(real, root);
  });
}

/** Compose v1 writes relative names, v2 absolute ones. */
function projectFilesOf(container: ContainerFacts): readonly string[] {
  const files = container.labels[COMPOSE.files]?.split(',') ?? [];
  return files.every((file) => file.startsWith('/')) ? files : [];
}
