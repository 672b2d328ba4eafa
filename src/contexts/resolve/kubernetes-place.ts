import { within } from '../mounts.ts';
import type { Box, Question } from './box.ts';

/** Where `container.workdir` of berth.yaml says that a host path is inside; null elsewhere. */
export function statedPlace({ file, world }: Question): Box['inside'] {
  const stated = file?.workdir ?? null;
  const { realpath } = world.files;
  return (path) => {
    if (stated === null || !within(realpath(path), realpath(stated.host))) return null;
    const below = realpath(path).slice(realpath(stated.host).length);
    return `${stated.target.replace(/\/+$/, '')}${below}` || '/';
  };
}

export function noMapping(dir: string): string {
  return `Nothing says where ${dir} is in the pod; the task runs in the container's own directory. Set \`container: {workdir: /app}\` in berth.yaml.`;
}
