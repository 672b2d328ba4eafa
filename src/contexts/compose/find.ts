import { basename, dirname, join, resolve } from 'node:path';
import { visible } from '../detect/visible.ts';
import { readEnvFiles } from './env-files.ts';
import { type Lookup, lookupIn } from './interpolate.ts';
import { diskFiles, type ProjectFiles } from './layer.ts';

/** What Compose would load when it is started in a directory, before any of it is read. */
export interface ComposeSource {
  /** Where Compose is started: `PWD` of its variables. */
  readonly cwd: string;
  /** Project directory: that of the first file. */
  readonly dir: string;
  /** Absolute, in the order they are merged. Empty when what stands there cannot be read as a file. */
  readonly files: readonly string[];
  readonly foundBy: 'name' | 'COMPOSE_FILE' | 'caller';
  /** From `-p` or COMPOSE_PROJECT_NAME; null when the files and the directory decide. */
  readonly projectName: string | null;
  readonly profiles: readonly string[];
  /** Of the env files. The caller's own environment goes before them. */
  readonly variables: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

export interface FindOptions {
  /** The caller's environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** As `docker compose -f`, relative to the directory; then nothing is looked for. */
  readonly composeFiles?: readonly string[];
  /** As `docker compose -p`. */
  readonly projectName?: string;
  /** As `docker compose --profile`; then COMPOSE_PROFILES is not looked at. */
  readonly profiles?: readonly string[];
  readonly files?: ProjectFiles;
}

export const COMPOSE_FILE_NAMES = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yml',
  'docker-compose.yaml',
];
const OVERRIDE_NAMES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/**
 * The Compose project of exactly this directory; Compose itself would go on in the parents. Reads env
 * files, and only asks of Compose files whether they are there.
 *
 * @returns null when nothing here is Compose's
 *
 * Source: compose-spec/compose-go, cli/options.go; docker/compose, cmd/compose/compose.go.
 */
export async function findComposeFiles(dir: string, options: FindOptions): Promise<ComposeSource | null> {
  const search = startSearch(resolve(dir), options);
  const found = explicitFiles(search) ?? namedByVariable(search) ?? foundByName(search);
  if (found === null) return null;
  // the project directory may be another one, with an .env of its own
  if (found.dir !== search.cwd) addEnvFiles(search, found.dir);
  const value = (name: string) => search.lookup(name) ?? '';
  const profiles = options.profiles ?? value('COMPOSE_PROFILES').split(',');
  return {
    ...found,
    cwd: search.cwd,
    projectName: options.projectName ?? (value('COMPOSE_PROJECT_NAME') || null),
    profiles: profiles.map((profile) => profile.trim()).filter((profile) => profile !== ''),
    variables: search.variables,
    warnings: search.warnings,
  };
}

/** Names that look like Compose files and are none: Compose reads them only when it is told to. */
export function composeLookAlikes(names: readonly string[]): readonly string[] {
  const known = new Set([...COMPOSE_FILE_NAMES, ...OVERRIDE_NAMES]);
  return names.filter((name) => /^(?:docker-)?compose[._-].*\.ya?ml$/i.test(name) && !known.has(name));
}

interface Search {
  readonly cwd: string;
  readonly options: FindOptions;
  readonly files: ProjectFiles;
  readonly lookup: Lookup;
  readonly variables: Record<string, string>;
  readonly warnings: string[];
}

type Found = Pick<ComposeSource, 'dir' | 'files' | 'foundBy'>;

function startSearch(cwd: string, options: FindOptions): Search {
  const variables: Record<string, string> = Object.create(null);
  const lookup = lookupIn(options.environment, variables);
  const search = { cwd, options, files: options.files ?? diskFiles, lookup, variables, warnings: [] };
  const [first] = options.composeFiles ?? [];
  addEnvFiles(search, first === undefined ? cwd : dirname(resolve(cwd, first)));
  return search;
}

/** Adds what is not set yet. */
function addEnvFiles(search: Search, dir: string): void {
  const { files, warnings } = search;
  const read = readEnvFiles(envFilesOf(search, dir), search.lookup, {
    files,
    warn: (text) => warnings.push(text),
  });
  for (const [name, value] of Object.entries(read)) search.variables[name] ??= value;
}

function envFilesOf({ cwd, files, options }: Search, dir: string): readonly string[] {
  const named = (options.environment['COMPOSE_ENV_FILES'] ?? '').split(',').filter((path) => path !== '');
  if (named.length > 0) return named.map((path) => resolve(cwd, path));
  if (/^(?:1|t|true)$/i.test(options.environment['COMPOSE_DISABLE_ENV_FILE'] ?? '')) return [];
  const path = join(dir, '.env');
  return files.kind(path) === 'file' ? [path] : [];
}

function explicitFiles(search: Search): Found | null {
  const { composeFiles } = search.options;
  if (composeFiles === undefined || composeFiles.length === 0) return null;
  return fromList(composeFiles, 'caller', search);
}

function namedByVariable(search: Search): Found | null {
  const list = search.lookup('COMPOSE_FILE');
  if (list === undefined) return null;
  if (list === '') {
    search.warnings.push(
      'COMPOSE_FILE is set but empty; Compose refuses that. Files are looked for by name.',
    );
    return null;
  }
  const separator = search.lookup('COMPOSE_PATH_SEPARATOR') || ':';
  return fromList(list.split(separator), 'COMPOSE_FILE', search);
}

function fromList(list: readonly string[], foundBy: Found['foundBy'], search: Search): Found {
  const paths = list.filter((path) => path !== '-').map((path) => resolve(search.cwd, path));
  if (paths.length < list.length) search.warnings.push('A Compose file on standard input ("-") is left out.');
  const files = paths.filter((path) => isFile(path, search));
  return { dir: dirname(paths[0] ?? join(search.cwd, '-')), files, foundBy };
}

function foundByName(search: Search): Found | null {
  const files = firstOf(COMPOSE_FILE_NAMES, search);
  if (files === null) return null;
  const override = files.length === 0 ? null : firstOf(OVERRIDE_NAMES, search);
  return { dir: search.cwd, files: [...files, ...(override ?? [])], foundBy: 'name' };
}

/** The first regular file of these names, alone in a list; an empty list when none of what is there is one. */
function firstOf(names: readonly string[], search: Search): readonly string[] | null {
  const there = names
    .map((name) => join(search.cwd, name))
    .filter((path) => search.files.kind(path) !== null);
  if (there.length === 0) return null;
  const [first, ...others] = there.filter((path) => isFile(path, search));
  if (first === undefined) return [];
  if (others.length > 0) {
    const ignored = others.map((path) => basename(path)).join(', ');
    search.warnings.push(`${basename(first)} is used; Compose ignores ${ignored} beside it.`);
  }
  return [first];
}

function isFile(path: string, { files, warnings }: Search): boolean {
  const kind = files.kind(path);
  if (kind === 'file') return true;
  const what =
    kind === null ? 'is missing' : kind === 'directory' ? 'is a directory' : 'is not a regular file';
  warnings.push(`${visible(path)} ${what}; Compose stops there.`);
  return false;
}
