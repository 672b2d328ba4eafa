import type { ContainerFacts } from '../../core/inspect.ts';
import { mapDirectory } from '../mounts.ts';
import type { Question } from './box.ts';
import { mountsOf } from './containers.ts';
import type { Engine } from './world.ts';

/**
 * A running container with its volumes as the bind mounts that they are, where they bind a directory of the host.
 * The engine is only asked when no other mount shows the task's directory.
 */
export async function withBoundVolumes(
  container: ContainerFacts,
  engine: Engine,
  { dir, world }: Question,
): Promise<ContainerFacts> {
  const { realpath } = world.files;
  const names = container.mounts.flatMap(({ volume }) => volume ?? []);
  const mapping = mapDirectory(dir, mountsOf(container), { realpath, workingDir: container.workingDir });
  if (names.length === 0 || mapping.kind === 'mapped') return container;
  const sources = await world.inspector(engine).boundVolumes(names);
  const mounts = container.mounts.map((mount) => {
    const source = sources[mount.volume ?? ''];
    return source === undefined ? mount : { ...mount, type: 'bind' as const, source };
  });
  return { ...container, mounts };
}
