import { dirname } from 'node:path';
import type { ProjectFiles } from '../../src/contexts/compose/layer.ts';

/** Files by absolute path, without a disk; their directories exist. */
export function memoryFiles(files: Readonly<Record<string, string>>): ProjectFiles {
  const directories = new Set(Object.keys(files).flatMap((path) => [dirname(path), dirname(dirname(path))]));
  return {
    read(path) {
      const text = files[path];
      return text === undefined ? { kind: 'missing' } : { kind: 'text', text };
    },
    kind: (path) => (Object.hasOwn(files, path) ? 'file' : directories.has(path) ? 'directory' : null),
  };
}
