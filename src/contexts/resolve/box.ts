import type { ContainerRequest, ResolvedContainer } from '../../core/context.ts';
import type { ContainerFacts } from '../../core/inspect.ts';
import { mapDirectory } from '../mounts.ts';
import type { ProjectFile } from '../project-file.ts';
import { mountsOf } from './containers.ts';
import type { Wish } from './wish.ts';
import type { Engine, World } from './world.ts';

/** One resolution under way: the question, and what was already looked up for it. */
export interface Question {
  readonly asked: ContainerRequest;
  readonly wish: Wish;
  /** Host directory of the task, and the top of its project: the git root, or the directory itself. */
  readonly dir: string;
  readonly root: string;
  readonly file: ProjectFile | null;
  readonly world: World;
  /** Running containers of an engine, asked for once. */
  readonly running: (engine: Engine) => Promise<readonly ContainerFacts[]>;
  /** Those of them that carry the name of a Compose service, of whatever project. */
  readonly ofService: (engine: Engine, service: string) => Promise<readonly ContainerFacts[]>;
}

/** The answer: a box to enter or to start, and where the task is in it. */
export interface Box {
  readonly container: ResolvedContainer;
  readonly dir: string;
  /** Null is the box's own. */
  readonly user: string | null;
  /** Variables that the box's own definition asks for. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the box that its definition takes away. */
  readonly unset?: readonly string[];
  /** The container's own variables, `NAME=value`, where one runs and they may matter. */
  readonly containerEnv?: readonly string[];
  readonly warnings: readonly string[];
  /** Where a host path is inside, or null. */
  readonly inside: (path: string) => string | null;
}

/** What every kind of container has in common with none. */
export const NO_CONTAINER: Omit<ResolvedContainer, 'type' | 'runtime' | 'engine' | 'reason'> = {
  id: null,
  hostname: null,
  image: null,
  project: null,
  service: null,
  compose: null,
  pod: null,
  namespace: null,
  kubeContext: null,
  volumes: {},
  ports: {},
  start: null,
  rejected: [],
};

/** The part of a resolved container that its running self tells. */
export function runningFacts(
  container: ContainerFacts,
): Pick<ResolvedContainer, 'id' | 'hostname' | 'image' | 'volumes' | 'ports'> {
  const binds = container.mounts.filter(({ type }) => type === 'bind');
  return {
    id: container.id,
    hostname: container.hostname === '' ? null : container.hostname,
    image: container.image === '' ? null : container.image,
    volumes: Object.fromEntries(binds.map(({ source, destination }) => [source, destination])),
    ports: Object.fromEntries(
      Object.entries(container.ports).map(([outside, inside]) => [outside, inside.replace(/\/tcp$/, '')]),
    ),
  };
}

/** A look-up of host paths by the real mounts of a running container. */
export function insideRunning(container: ContainerFacts, { world }: Question): Box['inside'] {
  const facts = { realpath: world.files.realpath, workingDir: container.workingDir };
  return (path) => {
    const mapping = mapDirectory(path, mountsOf(container), facts);
    return mapping.kind === 'mapped' ? mapping.target : null;
  };
}

/** What a person should know of a container before something runs in it. */
export function healthWarnings(container: ContainerFacts): readonly string[] {
  return container.health === 'unhealthy'
    ? [`The container ${container.name} reports that it is unhealthy.`]
    : [];
}
