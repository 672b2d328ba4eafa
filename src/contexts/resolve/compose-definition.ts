import type { ContainerStart, ResolvedContainer } from '../../core/context.ts';
import type { ComposeService } from '../../core/detection.ts';
import type { Mount } from '../mounts.ts';
import type { Question } from './box.ts';

// A service that has no container yet, as its Compose file defines it.

export function definedMounts({ volumes, tmpfs }: ComposeService): readonly Mount[] {
  return [
    ...volumes,
    ...tmpfs.map((target) => ({ type: 'tmpfs' as const, source: null, target, readOnly: false })),
  ];
}

export function definedFacts({
  image,
  volumes,
}: ComposeService): Pick<ResolvedContainer, 'image' | 'volumes'> {
  const binds = volumes.flatMap(({ type, source, target }) =>
    type === 'bind' && source !== null ? [[source, target] as const] : [],
  );
  return { image, volumes: Object.fromEntries(binds) };
}

/** Its volumes and ports are the Compose file's; only whether to build is ours to say. */
export function upOf({ build }: ComposeService, { asked }: Question): ContainerStart {
  const isBuilt = asked.build && build !== null;
  return {
    volumes: [],
    ports: [],
    engineArgs: [],
    hardened: false,
    build: isBuilt ? { context: build.context, file: build.dockerfile ?? 'Dockerfile' } : null,
  };
}
