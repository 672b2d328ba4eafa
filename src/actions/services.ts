import type { ServiceList } from '../contexts/services.ts';
import type { Deps } from './deps.ts';

/**
 * The services of a directory's Compose project. Where nothing of it was ever started, the installed Compose is
 * asked whether it would load the files that berth could read.
 */
export async function services(deps: Deps, dir: string, all: boolean): Promise<Omit<ServiceList, 'project'>> {
  const list = await deps.contexts.services(dir, all);
  const isStarted = list.services.some(({ container_id }) => container_id !== null);
  const refusal = isStarted ? null : await refusalOf(deps, list);
  return {
    services: list.services,
    warnings: refusal === null ? list.warnings : [...list.warnings, refusal],
  };
}

/** One sentence when the installed Compose refuses the project, else null. */
export async function refusalOf(deps: Deps, { project }: ServiceList): Promise<string | null> {
  const words = await deps.engines.composeRefusal(project);
  return words === null
    ? null
    : `The installed Compose does not load the project "${project.name}": ${words}`;
}
