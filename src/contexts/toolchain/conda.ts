import { basename, dirname, join, resolve } from 'node:path';
import type { Toolchain } from '../../core/context.ts';
import { kindOf, textOf } from '../detect/files.ts';
import { visible } from '../detect/visible.ts';
import { ask, type FoundToolchain, isExecutable, isInstalled, NOTHING, type Search } from './search.ts';
import { field, readJson } from './toml.ts';

/**
 * The conda environment that `environment.yml` names, found in conda's own list of environments and in the
 * usual installation directories; conda is asked when that fails. Scripts in `etc/conda/activate.d` are not
 * run; the variables of `conda env config vars` are set.
 */
export async function condaEnvironment(dir: string, search: Search): Promise<FoundToolchain> {
  const file = ['environment.yml', 'environment.yaml'].find((name) => kindOf(join(dir, name)) === 'file');
  if (file === undefined) return NOTHING;
  const { name, prefix } = nameAndPrefix(textOf(join(dir, file)) ?? '');
  if (name === null && prefix === null) return NOTHING;
  const wanted = prefix ?? name ?? '';
  const known =
    prefix === null ? environmentsNamed(wanted, search) : [resolve(dir, prefix)].filter(isEnvironment);
  const found = known.length > 0 ? known : await askConda(wanted, dir, search);
  const [only, second] = found;
  if (only === undefined) return { toolchain: null, warnings: [missing(wanted, search)] };
  if (second !== undefined) {
    const both = `${visible(only)} and ${visible(second)}`;
    return {
      toolchain: null,
      warnings: [`conda has two environments "${visible(wanted)}": ${both}. Name one with --venv.`],
    };
  }
  return { toolchain: activation(only, wanted, file), warnings: [] };
}

function activation(dir: string, name: string, file: string): Toolchain {
  const variables = field(readJson(join(dir, 'conda-meta/state')), 'env_vars');
  const texts = Object.entries(typeof variables === 'object' && variables !== null ? variables : {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return {
    kind: 'conda',
    dir,
    path: [join(dir, 'bin')],
    env: { ...Object.fromEntries(texts), CONDA_PREFIX: dir, CONDA_DEFAULT_ENV: name },
    reason: `${file} names it`,
  };
}

/** Top-level `name:` and `prefix:`; a whole YAML parser would only add ways to fail. */
function nameAndPrefix(text: string): { readonly name: string | null; readonly prefix: string | null } {
  const value = (key: string) =>
    new RegExp(`^${key}:[ \\t]+["']?([^"'#\\r\\n]+?)["']?[ \\t]*(?:#.*)?\\r?$`, 'm').exec(text)?.[1] ?? null;
  return { name: value('name'), prefix: value('prefix') };
}

const INSTALLATIONS = ['miniconda3', 'anaconda3', 'miniforge3', 'mambaforge', 'micromamba', '.conda'];

function environmentsNamed(name: string, search: Search): readonly string[] {
  const { environment, home } = search;
  const listed = (textOf(join(home, '.conda/environments.txt')) ?? '').split('\n').map((line) => line.trim());
  const executable = environment['CONDA_EXE'] || environment['MAMBA_EXE'];
  const roots = [
    ...(executable ? [dirname(dirname(executable))] : []),
    ...[environment['MAMBA_ROOT_PREFIX'], environment['CONDA_ROOT']].filter(
      (root) => root !== undefined && root !== '',
    ),
    ...INSTALLATIONS.map((root) => join(home, root)),
    '/opt/conda',
  ].filter((root) => root !== undefined);
  const places = (environment['CONDA_ENVS_PATH'] || environment['CONDA_ENVS_DIRS'] || '')
    .split(':')
    .filter(Boolean);
  const paths =
    name === 'base'
      ? roots
      : [
          ...listed.filter((path) => basename(path) === name),
          ...[...places, ...roots.map((root) => join(root, 'envs'))].map((place) => join(place, name)),
        ];
  return [...new Set(paths)].filter(isEnvironment);
}

function isEnvironment(path: string): boolean {
  return (
    path.startsWith('/') &&
    kindOf(join(path, 'conda-meta')) === 'directory' &&
    isExecutable(join(path, 'bin/python'))
  );
}

const PROGRAMS = ['conda', 'mamba', 'micromamba'];

async function askConda(name: string, cwd: string, search: Search): Promise<readonly string[]> {
  const program = PROGRAMS.find((candidate) => isInstalled(search, candidate));
  if (program === undefined) return [];
  const answer = await ask(search, [program, 'env', 'list', '--json'], cwd);
  const paths = answer === null ? [] : field(parsed(answer), 'envs');
  return (Array.isArray(paths) ? paths : [])
    .filter((path): path is string => typeof path === 'string')
    .filter((path) => basename(path) === name && isEnvironment(path));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function missing(name: string, search: Search): string {
  return PROGRAMS.some((program) => isInstalled(search, program))
    ? `conda has no environment "${visible(name)}": run \`conda env create\`.`
    : `environment.yml names "${visible(name)}", but conda is not installed.`;
}
