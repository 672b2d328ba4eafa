import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { kindOf, listDirectory } from '../detect/files.ts';
import { environmentAt } from './environment.ts';
import { ask, type FoundToolchain, isInstalled, NOTHING, type Search } from './search.ts';
import { field, readToml } from './toml.ts';

/**
 * Poetry's environment: `<cache>/virtualenvs/<name>-<hash of the directory>-py<minor>`. Poetry itself is
 * asked only when the files leave it open.
 *
 * Source: python-poetry/poetry, src/poetry/utils/env/env_manager.py (generate_env_name, get).
 */
export async function poetryEnvironment(dir: string, search: Search): Promise<FoundToolchain> {
  const pyproject = readToml(join(dir, 'pyproject.toml'));
  const isPoetry =
    field(pyproject, 'tool', 'poetry') !== undefined || kindOf(join(dir, 'poetry.lock')) === 'file';
  if (pyproject === null || !isPoetry) return NOTHING;
  const name = field(pyproject, 'tool', 'poetry', 'name') ?? field(pyproject, 'project', 'name');
  const base = poetryName(typeof name === 'string' ? name : 'non-package-mode', dir);
  const home = poetryHome(search);
  const made = listDirectory(home).names.filter((entry) => entry.startsWith(`${base}-py`));
  const minor = field(readToml(join(home, 'envs.toml')), base, 'minor');
  const chosen = typeof minor === 'string' ? `${base}-py${minor}` : made.length === 1 ? made[0] : undefined;
  const reason = "Poetry's environment of this project";
  const byFiles = chosen === undefined ? null : environmentAt(join(home, chosen), reason, 'poetry');
  if (byFiles !== null) return { toolchain: byFiles, warnings: [] };
  return askManager(search, {
    dir,
    argv: ['poetry', 'env', 'info', '--path'],
    title: 'Poetry',
    make: 'poetry install',
  });
}

/**
 * Pipenv's environment: `$WORKON_HOME/<directory>-<hash of the Pipfile's path>`.
 *
 * Source: pypa/pipenv, pipenv/project.py (_get_virtualenv_hash, virtualenv_name), pipenv/utils (get_workon_home).
 */
export async function pipenvEnvironment(dir: string, search: Search): Promise<FoundToolchain> {
  if (kindOf(join(dir, 'Pipfile')) !== 'file') return NOTHING;
  const { environment, home } = search;
  const data = environment['XDG_DATA_HOME'] || join(home, '.local/share');
  const workonHome = environment['WORKON_HOME'] || join(data, 'virtualenvs');
  const name = environment['PIPENV_CUSTOM_VENV_NAME'] || pipenvName(dir);
  const toolchain = environmentAt(join(workonHome, name), "Pipenv's environment of this project", 'pipenv');
  if (toolchain !== null) return { toolchain, warnings: [] };
  return askManager(search, { dir, argv: ['pipenv', '--venv'], title: 'Pipenv', make: 'pipenv install' });
}

interface Manager {
  readonly dir: string;
  /** Prints the directory of the environment. */
  readonly argv: readonly string[];
  readonly title: string;
  readonly make: string;
}

async function askManager(search: Search, { dir, argv, title, make }: Manager): Promise<FoundToolchain> {
  const [program = ''] = argv;
  if (!isInstalled(search, program)) {
    return { toolchain: null, warnings: [`This is a ${title} project, but ${program} is not installed.`] };
  }
  const path = await ask(search, argv, dir);
  const toolchain = path
    ? environmentAt(path.split('\n').at(-1) ?? '', `${program} names it`, program)
    : null;
  return {
    toolchain,
    warnings: toolchain === null ? [`${title} has no environment for this project: run \`${make}\`.`] : [],
  };
}

function poetryName(name: string, dir: string): string {
  const normal = name.toLowerCase().replaceAll(/[-_.]+/g, '-');
  return `${sanitized(normal)}-${shortHash(dir)}`;
}

function pipenvName(dir: string): string {
  return `${sanitized(basename(dir))}-${shortHash(join(dir, 'Pipfile'))}`;
}

function sanitized(name: string): string {
  return name.replaceAll(/[ &$`!*@"()[\]\\\r\n\t]/g, '_').slice(0, 42);
}

/** Eight characters of URL-safe base64: the first six bytes. */
function shortHash(text: string): string {
  return createHash('sha256')
    .update(text)
    .digest()
    .subarray(0, 6)
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}

function poetryHome({ environment, home }: Search): string {
  const set = environment['POETRY_VIRTUALENVS_PATH'];
  if (set) return set;
  const isMac = process.platform === 'darwin';
  const configDir =
    environment['POETRY_CONFIG_DIR'] ||
    (isMac
      ? join(home, 'Library/Application Support/pypoetry')
      : join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'pypoetry'));
  const config = readToml(join(configDir, 'config.toml'));
  const configured = field(config, 'cache-dir');
  const cache =
    environment['POETRY_CACHE_DIR'] ||
    (typeof configured === 'string' ? configured : null) ||
    (isMac
      ? join(home, 'Library/Caches/pypoetry')
      : join(environment['XDG_CACHE_HOME'] || join(home, '.cache'), 'pypoetry'));
  const path = field(config, 'virtualenvs', 'path');
  return typeof path === 'string' ? path.replace('{cache-dir}', cache) : join(cache, 'virtualenvs');
}
