import { join } from 'node:path';
import { COMPOSE_FILE_NAMES } from '../compose/find.ts';
import { type Directory, kindOf } from './files.ts';
import { visiblePath } from './visible.ts';

/**
 * What stands where no tool looks by itself, said where nothing was found: build and Compose files one
 * directory below or in a parent, and projects whose own tool makes the containers.
 */
export function nearMisses(
  directory: Directory,
  [start, ...parents]: readonly [string, ...string[]],
): readonly string[] {
  const shown = (path: string) => visiblePath(path, start);
  const below = FOLDERS.map((name) => join(directory.path, name)).filter(
    (path) => kindOf(path) === 'directory',
  );
  const [compose] = below.flatMap((folder) => firstFile(folder, COMPOSE_FILE_NAMES));
  const [build] = [...below, ...parents].flatMap((folder) => firstFile(folder, BUILD_FILES));
  return [
    ...(compose === undefined
      ? []
      : [`${shown(compose)} is not looked for from here. Choose it with COMPOSE_FILE=${shown(compose)}.`]),
    ...(build === undefined ? [] : [`${shown(build)} says how to build an image, not for this directory.`]),
    ...OWN_TOOLS.filter(({ file }) => kindOf(join(directory.path, file)) === 'file').map(
      ({ tool, start }) =>
        `${tool} makes the containers of this project; once \`${start}\` has, berth finds them.`,
    ),
  ];
}

const FOLDERS = [
  'docker',
  '.docker',
  'compose',
  'docker-compose',
  'deploy',
  'build',
  'dev',
  'infra',
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
