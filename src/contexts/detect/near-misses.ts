import { join } from 'node:path';
import { COMPOSE_FILE_NAMES, composeLookAlikes } from '../compose/find.ts';
import { type Directory, kindOf, listDirectory } from './files.ts';
import { visiblePath } from './visible.ts';

/**
 * What stands where no tool looks by itself, said where nothing was found: Compose files one directory below or beside
 * a parent, build files likewise, and projects whose own tool makes the containers.
 */
export function nearMisses(
  directory: Directory,
  [start, ...parents]: readonly [string, ...string[]],
): readonly string[] {
  const shown = (path: string) => visiblePath(path, start);
  const below = foldersOf(directory.path);
  const [build] = [...below, ...parents].flatMap((folder) => firstFile(folder, BUILD_FILES));
  return [
    ...composeNearby([start, ...parents]),
    ...(build === undefined ? [] : [`${shown(build)} says how to build an image, not for this directory.`]),
    ...OWN_TOOLS.filter(({ file }) => kindOf(join(directory.path, file)) === 'file').map(
      ({ tool, start }) =>
        `${tool} makes the containers of this project; once \`${start}\` has, berth finds them.`,
    ),
  ];
}

/** A Compose file in a folder where people keep them, and Compose does not look; the nearest one. */
export function composeNearby([start, ...parents]: readonly [string, ...string[]]): readonly string[] {
  const folders = [start, ...parents].flatMap(foldersOf);
  const [named] = folders.flatMap((folder) => firstFile(folder, COMPOSE_FILE_NAMES));
  const [path = named] = named === undefined ? folders.flatMap(firstLookAlike) : [];
  if (path === undefined) return [];
  const shown = visiblePath(path, start);
  return [`${shown} is not looked for from here. Choose it with COMPOSE_FILE=${shown}.`];
}

function firstLookAlike(folder: string): readonly string[] {
  const { names } = listDirectory(folder, MAX_ENTRIES);
  return composeLookAlikes(names)
    .slice(0, 1)
    .map((name) => join(folder, name));
}

const MAX_ENTRIES = 256;

function foldersOf(path: string): readonly string[] {
  return FOLDERS.map((name) => join(path, name)).filter((folder) => kindOf(folder) === 'directory');
}

const FOLDERS = [
  'docker',
  '.docker',
  'compose',
  'docker-compose',
  'deploy',
  'deployment',
  'deployments',
  'build',
  'dev',
  'infra',
  'infrastructure',
  'ops',
  'local',
  '.devcontainer',
];
const BUILD_FILES = ['Dockerfile', 'Containerfile'];
const OWN_TOOLS = [
  { file: '.ddev/config.yaml', tool: 'DDEV', start: 'ddev start' },
  { file: '.lando.yml', tool: 'Lando', start: 'lando start' },
];

function firstFile(folder: string, names: readonly string[]): readonly string[] {
  return names
    .map((name) => join(folder, name))
    .filter((path) => kindOf(path) === 'file')
    .slice(0, 1);
}
