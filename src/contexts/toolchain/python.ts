import { join, resolve } from 'node:path';
import { kindOf, textOf } from '../detect/files.ts';
import { visible } from '../detect/visible.ts';
import { condaEnvironment } from './conda.ts';
import { environmentAt } from './environment.ts';
import { pipenvEnvironment, poetryEnvironment } from './python-managers.ts';
import type { FoundToolchain, Search } from './search.ts';

/**
 * The Python environment of a directory: `.venv`, `venv` or `env` in it or the nearest parent, else where uv,
 * Poetry, Pipenv or conda keep it.
 */
export async function findPython(search: Search): Promise<FoundToolchain> {
  const warnings: string[] = [];
  for (const dir of search.dirs) {
    for (const find of [inProject, uvEnvironment, poetryEnvironment, pipenvEnvironment, condaEnvironment]) {
      const found = await find(dir, search);
      if (found.toolchain !== null) return found;
      warnings.push(...found.warnings);
    }
  }
  const [dir] = search.dirs;
  if (warnings.length > 0 || dir === undefined || kindOf(join(dir, 'requirements.txt')) !== 'file') {
    return { toolchain: null, warnings };
  }
  return {
    toolchain: null,
    warnings: ['requirements.txt is here, but no environment: make one with `python3 -m venv .venv`.'],
  };
}

const NAMES = ['.venv', 'venv', 'env', '.conda'];

async function inProject(dir: string): Promise<FoundToolchain> {
  const warnings: string[] = [];
  for (const name of NAMES) {
    const toolchain = environmentAt(join(dir, name), `${name} in ${visible(dir)}`);
    if (toolchain !== null) return { toolchain, warnings };
    if (kindOf(join(dir, name, 'pyvenv.cfg')) === 'file') {
      warnings.push(
        `${visible(join(dir, name))} is broken: the Python that it was made from is gone. Make it again with \`python3 -m venv --clear ${name}\`.`,
      );
    }
  }
  return { toolchain: null, warnings };
}

/** uv keeps `.venv` beside `uv.lock` unless UV_PROJECT_ENVIRONMENT names another place. */
async function uvEnvironment(dir: string, { environment }: Search): Promise<FoundToolchain> {
  if (textOf(join(dir, 'uv.lock')) === null) return { toolchain: null, warnings: [] };
  const place = environment['UV_PROJECT_ENVIRONMENT'];
  const toolchain = place ? environmentAt(resolve(dir, place), 'UV_PROJECT_ENVIRONMENT', 'uv') : null;
  return {
    toolchain,
    warnings: toolchain === null ? ['uv.lock is here, but no environment: run `uv sync`.'] : [],
  };
}
