import { dirname, join, resolve } from 'node:path';
import { kindOf, textOf } from '../detect/files.ts';
import { field, readJson, readToml } from './toml.ts';
import type { Language } from './version-managers.ts';

/** A version that a file of the project asks for. */
export interface VersionRequest {
  readonly language: Language;
  /** As written: `v18.17.0`, `lts/*`, `>=20`, `ruby-3.2.2`. */
  readonly wanted: string;
  /** File that says so, as people know it: `.nvmrc`, `engines in package.json`. */
  readonly file: string;
  /** Manager that the file belongs to; null when any will do. */
  readonly manager: string | null;
}

/** The first request of a directory, in the order of the readers; null when no file speaks of the language. */
export function versionRequest(language: Language, dir: string): VersionRequest | null {
  for (const { file, manager, read } of READERS[language]) {
    const wanted = read(dir)?.trim();
    if (wanted) return { language, wanted, file, manager };
  }
  return null;
}

interface Reader {
  readonly file: string;
  readonly manager: string | null;
  read(dir: string): string | null;
}

const toolVersions = (...names: readonly string[]): Reader => ({
  file: '.tool-versions',
  manager: 'asdf',
  read: (dir) => toolVersion(textOf(join(dir, '.tool-versions')) ?? '', names),
});

const mise = (...names: readonly string[]): Reader => ({
  file: 'mise.toml',
  manager: 'mise',
  read: (dir) => miseVersion(dir, names),
});

const READERS: Readonly<Record<Language, readonly Reader[]>> = {
  node: [
    { file: '.nvmrc', manager: 'nvm', read: (dir) => firstLine(join(dir, '.nvmrc')) },
    { file: '.node-version', manager: null, read: (dir) => firstLine(join(dir, '.node-version')) },
    toolVersions('nodejs', 'node'),
    mise('node', 'nodejs', 'core:node'),
    { file: 'volta in package.json', manager: 'volta', read: voltaVersion },
    { file: 'engines in package.json', manager: null, read: enginesRange },
  ],
  ruby: [
    { file: '.ruby-version', manager: null, read: (dir) => firstLine(join(dir, '.ruby-version')) },
    toolVersions('ruby'),
    mise('ruby', 'core:ruby'),
  ],
};

function firstLine(path: string): string | null {
  const lines = (textOf(path) ?? '').split('\n').map((line) => line.replace(/#.*$/, '').trim());
  return lines.find((line) => line !== '') ?? null;
}

/** `nodejs 20.1.0 18.0.0 # comment`: the first one counts. */
function toolVersion(text: string, names: readonly string[]): string | null {
  for (const line of text.split('\n')) {
    const [name, version] = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (name !== undefined && names.includes(name)) return version ?? null;
  }
  return null;
}

export const MISE_FILES = [
  'mise.toml',
  '.mise.toml',
  'mise/config.toml',
  '.mise/config.toml',
  '.config/mise.toml',
];

function miseVersion(dir: string, names: readonly string[]): string | null {
  for (const file of MISE_FILES) {
    if (kindOf(join(dir, file)) !== 'file') continue;
    const tools = field(readToml(join(dir, file)), 'tools');
    for (const name of names) {
      const tool = field(tools, name);
      const first: unknown = Array.isArray(tool) ? tool[0] : tool;
      const version = typeof first === 'object' ? field(first, 'version') : first;
      if (typeof version === 'string' || typeof version === 'number') return String(version);
    }
  }
  return null;
}

/** `volta.node`, also through `volta.extends`, which names another package.json. */
function voltaVersion(dir: string): string | null {
  let path = join(dir, 'package.json');
  for (let hops = 0; hops < 10; hops++) {
    const volta = field(readJson(path), 'volta');
    const node = field(volta, 'node');
    if (typeof node === 'string') return node;
    const base = field(volta, 'extends');
    if (typeof base !== 'string') return null;
    path = resolve(dirname(path), base);
  }
  return null;
}

function enginesRange(dir: string): string | null {
  const range = field(readJson(join(dir, 'package.json')), 'engines', 'node');
  return typeof range === 'string' && range.trim() !== '*' ? range : null;
}
