import { basename, dirname, join } from 'node:path';
import type { Candidate } from '../../core/detection.ts';
import { kindOf, listDirectory } from './files.ts';
import type { Finding } from './finding.ts';

const MAX_NAMED = 100;

/**
 * Dev containers of a directory, in the specification's order. The reference CLI takes the first two without
 * being asked; of the named ones somebody has to choose.
 *
 * Source: devcontainers/spec, "Dev Container reference", section on devcontainer.json.
 */
export function devcontainerFiles(dir: string, place: 'devcontainer' | 'above'): readonly Finding[] {
  const defaults = [join(dir, '.devcontainer', 'devcontainer.json'), join(dir, '.devcontainer.json')];
  const named = listDirectory(join(dir, '.devcontainer'), MAX_NAMED).names.map((name) =>
    join(dir, '.devcontainer', name, 'devcontainer.json'),
  );
  return [
    ...defaults.map((path) => ({ path, rule: 'the dev container of this project' })),
    ...named.map((path) => ({ path, rule: 'a named dev container' })),
  ]
    .filter(({ path }) => kindOf(path) === 'file')
    .map((evidence) => ({
      place,
      candidate: {
        type: 'devcontainer',
        dir,
        confidence: place === 'above' ? 'weak' : 'strong',
        evidence: [evidence],
      },
    }));
}

/** Whether a dev container stands beside others of its kind, so that somebody has to choose. */
export function isNamed({ evidence: [file] }: Candidate): boolean {
  return file !== undefined && basename(dirname(dirname(file.path))) === '.devcontainer';
}
