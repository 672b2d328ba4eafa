import { dirname } from 'node:path';
import type { ComposeProject, ComposeService } from '../core/detection.ts';
import { BerthError } from '../core/errors.ts';
import type { ContainerFacts } from '../core/inspect.ts';
import { isPodmanCompose } from './resolve/choose.ts';
import { projectName } from './resolve/compose.ts';
import { COMPOSE, isOneOff, projectDirOf, projectOf, sameDir } from './resolve/containers.ts';
import type { Engine, World } from './resolve/world.ts';

/** One entry of `berth services --json`. */
export interface ServiceRow {
  readonly name: string;
  readonly image: string | null;
  /** Absolute build context. */
  readonly build: string | null;
  readonly profiles: readonly string[];
  /** `running`, `exited` ... as the engine says; null when there is no container or no engine answers. */
  readonly state: string | null;
  readonly container_id: string | null;
}

export interface ServiceList {
  readonly project: Pick<ComposeProject, 'dir' | 'files' | 'name'>;
  readonly services: readonly ServiceRow[];
  /** What Compose would refuse, or what could not be read. */
  readonly warnings: readonly string[];
}

/**
 * The services of a directory's Compose project, sorted, with what the engine knows of them.
 *
 * @param all  with those that only a profile switches on
 * @throws {BerthError} `CONTAINER_NOT_DETECTED` without a Compose project; `COMPOSE_INVALID`
 */
export async function listServices(world: World, dir: string, all: boolean): Promise<ServiceList> {
  const project = await projectFor(world, dir);
  if (project === null) {
    throw new BerthError(`${dir} has no Compose project.`, {
      code: 'CONTAINER_NOT_DETECTED',
      hint: 'See what it has with `berth detect`.',
    });
  }
  const containers = (await containersOf(world, project.name)).filter((container) =>
    sameDir(projectDirOf(container), project.dir, world.files.realpath),
  );
  const services = project.services.filter((service) => all || service.enabled);
  return {
    project: { dir: project.dir, files: project.files, name: project.name },
    services: services.map((service) => rowOf(service, containers)),
    warnings: project.warnings,
  };
}

/** That of the dev container where one wins; else Compose's own; else the one that is for podman. */
async function projectFor(world: World, dir: string): Promise<ComposeProject | null> {
  const { type, candidates, devcontainer } = await world.detect(dir);
  const own = candidates.find((candidate) => candidate.type === 'docker_compose');
  if (devcontainer?.kind === 'compose' && (type === 'devcontainer' || own === undefined)) {
    const { source } = await world.devcontainer(devcontainer.path);
    if (source.kind !== 'compose') return null;
    const project = await world.compose(dirname(devcontainer.path), source.files);
    return project && { ...project, name: projectName(project, source.defaultProject) };
  }
  const forPodman = candidates.find(({ evidence: [first] }) => first && isPodmanCompose(first.path));
  if (own === undefined && forPodman) {
    return world.compose(
      forPodman.dir,
      forPodman.evidence.slice(0, 1).map(({ path }) => path),
    );
  }
  return world.compose(own?.dir ?? dir, null);
}

function rowOf(service: ComposeService, containers: readonly ContainerFacts[]): ServiceRow {
  const own = containers.filter((container) => container.labels[COMPOSE.service] === service.name);
  // of several replicas one that runs says most
  const shown = own.find((container) => container.state === 'running') ?? own[0];
  return {
    name: service.name,
    image: service.image,
    build: service.build?.context ?? null,
    profiles: service.profiles,
    state: shown?.state ?? null,
    container_id: shown?.id ?? null,
  };
}

/** Of the first engine that has any; one that does not answer has none. */
async function containersOf(world: World, project: string): Promise<readonly ContainerFacts[]> {
  for (const engine of ['docker', 'podman'] satisfies Engine[]) {
    const found = await world
      .inspector(engine)
      .byLabels({ [COMPOSE.project]: project })
      .catch(() => []);
    const own = found.filter((container) => !isOneOff(container) && projectOf(container) === project);
    if (own.length > 0) return own;
  }
  return [];
}
