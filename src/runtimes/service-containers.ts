import type { ContainerFacts, Inspector } from '../core/inspect.ts';

const PROJECT = 'com.docker.compose.project';
/** Directory that the project was brought up from. */
export const DIRECTORY = 'com.docker.compose.project.working_dir';
const SERVICE = 'com.docker.compose.service';
const NUMBER = 'com.docker.compose.container-number';
const ONE_OFF = 'com.docker.compose.oneoff';

/** Containers of a project, whatever their service. */
export function projectContainers(inspector: Inspector, project: string): Promise<readonly ContainerFacts[]> {
  return inspector.byLabels({ [PROJECT]: project });
}

/** Those of one service, lowest number first. */
export function replicasOf(service: string, project: readonly ContainerFacts[]): readonly ContainerFacts[] {
  return project
    .filter((one) => isReplica(one, service))
    .sort((one, other) => Number(one.labels[NUMBER]) - Number(other.labels[NUMBER]));
}

/** A `docker compose run` makes none. */
function isReplica({ labels }: ContainerFacts, service: string): boolean {
  return labels[SERVICE] === service && !/^true$/i.test(labels[ONE_OFF] ?? '');
}

export function isReplicaOf(
  { project, service }: { readonly project: string; readonly service: string },
  container: ContainerFacts,
): boolean {
  return container.labels[PROJECT] === project && isReplica(container, service);
}
