import type { ContainerFacts, Inspector } from '../core/inspect.ts';
import type { Deps } from './deps.ts';

/** One row of `berth containers --json`; the `container_` columns are those of the table `sessions`. */
export interface ContainerRow {
  readonly name: string;
  readonly container_id: string;
  readonly container_image: string;
  readonly container_type: 'docker' | 'podman' | 'docker_compose' | 'devcontainer';
  readonly container_volumes: Readonly<Record<string, string>>;
  readonly container_ports: Readonly<Record<string, string>>;
  readonly container_service: string | null;
  readonly container_project: string | null;
  readonly engine: 'docker' | 'podman';
  readonly state: ContainerFacts['state'];
}

/**
 * Running containers of every local engine that answers, by name. @param image  only those made from it
 *
 * @throws {BerthError} `RUNTIME_UNAVAILABLE` when no engine answers
 */
export async function containers(deps: Deps, image: string | null): Promise<readonly ContainerRow[]> {
  const inspectors = await deps.engines.inspectors();
  const found = await Promise.all(inspectors.map((inspector) => runningIn(inspector, image)));
  return found.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function runningIn(inspector: Inspector, image: string | null): Promise<readonly ContainerRow[]> {
  return (await inspector.running(image)).map((facts) => rowOf(facts, inspector.engine));
}

function rowOf(facts: ContainerFacts, engine: Inspector['engine']): ContainerRow {
  const { labels } = facts;
  const service = labels['com.docker.compose.service'] ?? labels['io.podman.compose.service'] ?? null;
  const devcontainer = labels['devcontainer.local_folder'] !== undefined;
  return {
    name: facts.name,
    container_id: facts.id,
    container_image: facts.image,
    container_type: devcontainer ? 'devcontainer' : service !== null ? 'docker_compose' : engine,
    container_volumes: Object.fromEntries(facts.mounts.map((mount) => [mount.source, mount.destination])),
    container_ports: Object.fromEntries(
      Object.entries(facts.ports).map(([host, inside]) => [host, inside.replace('/tcp', '')]),
    ),
    container_service: service,
    container_project: labels['com.docker.compose.project'] ?? labels['io.podman.compose.project'] ?? null,
    engine,
    state: facts.state,
  };
}
