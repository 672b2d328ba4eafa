import { visible } from '../detect/visible.ts';
import { parseEnvFile } from '../env-file.ts';
import type { Lookup } from './interpolate.ts';
import type { ProjectFiles } from './layer.ts';

/**
 * The variables of some env files together; a later file wins. What cannot be read is left out, with a
 * warning: Compose would stop there.
 */
export function readEnvFiles(
  paths: readonly string[],
  lookup: Lookup,
  { files, warn }: { files: ProjectFiles; warn: (sentence: string) => void },
): Readonly<Record<string, string>> {
  const all: Record<string, string> = Object.create(null);
  for (const path of paths) {
    const read = files.read(path);
    if (read.kind !== 'text') {
      warn(`The env file ${visible(path)} is ${read.kind === 'missing' ? 'missing' : read.why}.`);
      continue;
    }
    const { variables, problem } = parseEnvFile(read.text, (name) => lookup(name) ?? all[name]);
    Object.assign(all, variables);
    if (problem !== null) {
      warn(
        `${visible(path)}:${problem.line}: ${visible(problem.message)}; the rest of the file was left out.`,
      );
    }
  }
  return all;
}
