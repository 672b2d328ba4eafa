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

/** Those of one service, lowest number first; a `docker compose run` makes none. */
export function replicasOf(service: string, project: readonly ContainerFacts[]): readonly ContainerFacts[] {
  return project
    .filter(({ labels }) => labels[SERVICE] === service && !/^true$/i.test(labels[ONE_OFF] ?? ''))
    .sort((one, other) => Number(one.labels[NUMBER]) - Number(other.labels[NUMBER]));
}
