import { basename } from 'node:path';
import type { Detection } from '../core/detection.ts';

/** The file that an image of a project is built from, absolute, the best first; null where it has none. */
export function buildFileOf({ candidates }: Detection): string | null {
  const paths = candidates
    .filter(({ type, confidence }) => (type === 'docker' || type === 'podman') && confidence !== 'low')
    .flatMap(({ evidence }) => evidence.map(({ path }) => path));
  return paths.find((path) => /(?:docker|container)file/i.test(basename(path))) ?? null;
}
