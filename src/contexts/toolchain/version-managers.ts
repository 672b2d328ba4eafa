import { join } from 'node:path';
import { kindOf, listDirectory } from '../detect/files.ts';
import { isExecutable, type Search } from './search.ts';
import { parseVersion, type Version } from './version-range.ts';

export type Language = 'node' | 'ruby';

/** One version of a language that a version manager has installed. */
export interface Installed {
  readonly manager: string;
  readonly version: Version;
  /** Directory of this version. */
  readonly dir: string;
  readonly bin: string;
}

interface Manager {
  readonly name: string;
  /** Variable that moves its home, and where that is without it, below the user's home or absolute. */
  readonly variable: string;
  readonly home: string;
  /** Directory of versions below its home. */
  readonly versions: string;
  /** Programs below a version. */
  readonly bin: string;
}

/** In the order in which equal versions are taken. */
const MANAGERS: Readonly<Record<Language, readonly Manager[]>> = {
  node: [
    { name: 'nvm', variable: 'NVM_DIR', home: '.nvm', versions: 'versions/node', bin: 'bin' },
    {
      name: 'fnm',
      variable: 'FNM_DIR',
      home: '.local/share/fnm',
      versions: 'node-versions',
      bin: 'installation/bin',
    },
    { name: 'volta', variable: 'VOLTA_HOME', home: '.volta', versions: 'tools/image/node', bin: 'bin' },
    {
      name: 'mise',
      variable: 'MISE_DATA_DIR',
      home: '.local/share/mise',
      versions: 'installs/node',
      bin: 'bin',
    },
    { name: 'asdf', variable: 'ASDF_DATA_DIR', home: '.asdf', versions: 'installs/nodejs', bin: 'bin' },
    { name: 'nodenv', variable: 'NODENV_ROOT', home: '.nodenv', versions: 'versions', bin: 'bin' },
    { name: 'n', variable: 'N_PREFIX', home: '/usr/local', versions: 'n/versions/node', bin: 'bin' },
  ],
  ruby: [
    { name: 'rbenv', variable: 'RBENV_ROOT', home: '.rbenv', versions: 'versions', bin: 'bin' },
    { name: 'rvm', variable: 'rvm_path', home: '.rvm', versions: 'rubies', bin: 'bin' },
    {
      name: 'mise',
      variable: 'MISE_DATA_DIR',
      home: '.local/share/mise',
      versions: 'installs/ruby',
      bin: 'bin',
    },
    { name: 'asdf', variable: 'ASDF_DATA_DIR', home: '.asdf', versions: 'installs/ruby', bin: 'bin' },
    { name: 'chruby', variable: 'RUBIES', home: '.rubies', versions: '', bin: 'bin' },
    { name: 'ruby-install', variable: 'RUBIES_ROOT', home: '/opt/rubies', versions: '', bin: 'bin' },
  ],
};

/** All versions that are installed, read from the managers' directories. */
export function installedVersions(language: Language, search: Search): readonly Installed[] {
  return MANAGERS[language].flatMap((manager) => {
    const place = join(managerHome(manager, search), manager.versions);
    return listDirectory(place).names.flatMap((name) => {
      const version = parseVersion(name);
      const dir = join(place, name);
      const bin = join(dir, manager.bin);
      return version !== null && isExecutable(join(bin, language))
        ? [{ manager: manager.name, version, dir, bin }]
        : [];
    });
  });
}

/** Names of the managers that are set up here. */
export function managersOf(language: Language, search: Search): readonly string[] {
  return MANAGERS[language]
    .filter((manager) => kindOf(join(managerHome(manager, search), manager.versions)) === 'directory')
    .map(({ name }) => name);
}

/** Where nvm keeps its aliases: files whose text is a version or another alias. */
export function nvmAliases(search: Search): string {
  return join(search.environment['NVM_DIR'] || join(search.home, '.nvm'), 'alias');
}

function managerHome({ variable, home }: Manager, search: Search): string {
  return search.environment[variable] || (home.startsWith('/') ? home : join(search.home, home));
}
