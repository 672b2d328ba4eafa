import { basename, dirname, join, posix, relative, resolve } from 'node:path';
import { BerthError } from '../core/errors.ts';
import { readText } from './detect/files.ts';
import { gitBoundary } from './git.ts';
import { type Fields, parseFields } from './jsonc.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A devcontainer.json as far as entering its container goes. Lifecycle commands are left out: they never run. */
export interface Devcontainer {
  readonly path: string;
  readonly name: string | null;
  readonly source: DevcontainerSource;
  /** Host directory that the configuration is for (`${localWorkspaceFolder}`). */
  readonly localFolder: string;
  /** Container directory that commands run in. */
  readonly workspaceFolder: string;
  /** Host directory and container directory that the default mount joins; null with Compose or a mount of its own. */
  readonly mount: { readonly source: string; readonly target: string } | null;
  /** As written, variables replaced: the value of a `--mount` option. */
  readonly workspaceMount: string | null;
  readonly remoteUser: string | null;
  readonly containerUser: string | null;
  /**
   * For processes. Null unsets a variable. `${containerEnv:X}` is still in here, because only the
   * running container knows: see `withContainerEnv`.
   */
  readonly remoteEnv: Readonly<Record<string, string | null>>;
  /** For the container itself. */
  readonly containerEnv: Readonly<Record<string, string>>;
  readonly overrideCommand: boolean;
  /** Whether its own tool would run a command on the host before anything else. */
  readonly initializes: boolean;
}

export type DevcontainerSource =
  | { readonly kind: 'image'; readonly image: string }
  | {
      readonly kind: 'build';
      readonly dockerfile: string;
      readonly context: string;
      readonly target: string | null;
    }
  | {
      readonly kind: 'compose';
      /** Absolute; empty means Compose's own search in the directory of `devcontainer.json`. */
      readonly files: readonly string[];
      readonly service: string;
      /** Null: all of them. */
      readonly runServices: readonly string[] | null;
      /** Project name where neither the environment, `.env` nor `name:` gives one. */
      readonly defaultProject: string;
    };

/**
 * Read a devcontainer.json: JSON with comments and trailing commas, variables replaced.
 *
 * @throws {BerthError} `DEVCONTAINER_INVALID` with file, line and column; `FILE_NOT_FOUND`
 *
 * Source: containers.dev, "Dev Container metadata reference"; devcontainers/cli for what it leaves open
 * (defaults of workspaceFolder, project name).
 */
export async function readDevcontainer(path: string, environment: Environment): Promise<Devcontainer> {
  const localFolder = localFolderOf(path);
  const fields = parseFields(path, sourceText(path));
  const source = sourceOf(fields, path, localFolder);
  const mount = source.kind === 'compose' ? null : defaultMount(localFolder);
  const local = { localFolder, environment };
  const folder = fields.text('workspaceFolder');
  const workspaceFolder =
    folder === null
      ? mount === null
        ? '/'
        : posix.join(mount.target, relative(mount.source, localFolder))
      : replaceVariables(folder, { ...local, workspaceFolder: mount?.target ?? '' });
  const replace = (text: string) => replaceVariables(text, { ...local, workspaceFolder });
  const workspaceMount = fields.text('workspaceMount');
  const text = (name: string) => mapText(fields.text(name), replace);
  return {
    path,
    name: text('name'),
    source: replaceIn(source, replace),
    localFolder,
    workspaceFolder,
    mount: workspaceMount === null ? mount : null,
    workspaceMount: mapText(workspaceMount, replace),
    remoteUser: text('remoteUser'),
    containerUser: text('containerUser'),
    remoteEnv: mapValues(fields.variables('remoteEnv', 'nullable'), (value) => mapText(value, replace)),
    containerEnv: mapValues(fields.variables('containerEnv', 'text'), (value) => replace(value ?? '')),
    initializes: fields.has('initializeCommand'),
    overrideCommand: fields.flag('overrideCommand') ?? source.kind !== 'compose',
  };
}

/** Puts the container's own variables where `${containerEnv:NAME}` or `${containerEnv:NAME:default}` stands. */
export function withContainerEnv(text: string, containerEnv: Environment): string {
  return text.replaceAll(
    /\$\{containerEnv:([^:}]+)(?::([^}]*))?\}/g,
    (_, name: string, fallback?: string) => containerEnv[name] ?? fallback ?? '',
  );
}

function sourceText(path: string): string {
  const read = readText(path);
  if (read.kind === 'text') return read.text;
  if (read.kind === 'missing') {
    throw new BerthError(`There is no file ${path}.`, {
      code: 'FILE_NOT_FOUND',
      hint: 'Dev containers are kept in .devcontainer/devcontainer.json.',
    });
  }
  throw new BerthError(`${path} is ${read.why}.`, {
    code: 'DEVCONTAINER_INVALID',
    hint: 'Make it a readable JSON file below 1 MiB.',
  });
}

/** The folder around `.devcontainer/` or `.devcontainer/<name>/`, or the one that holds the file. */
function localFolderOf(path: string): string {
  const folder = dirname(path);
  if (basename(folder) === '.devcontainer') return dirname(folder);
  if (basename(dirname(folder)) === '.devcontainer') return dirname(dirname(folder));
  return folder;
}

/** Without a mount of its own, the git root that holds the folder is mounted below /workspaces. */
function defaultMount(localFolder: string): { readonly source: string; readonly target: string } {
  const source = gitBoundary(localFolder) ?? localFolder;
  return { source, target: `/workspaces/${basename(source)}` };
}

function sourceOf(fields: Fields, path: string, localFolder: string): DevcontainerSource {
  const folder = dirname(path);
  const image = fields.text('image');
  const build = fields.object('build');
  const dockerfile = build?.text('dockerfile') ?? build?.text('dockerFile') ?? fields.text('dockerFile');
  const composeFiles = fields.texts('dockerComposeFile');
  if (composeFiles !== null) {
    const service = fields.text('service');
    if (service === null) {
      throw fields.invalid('dockerComposeFile', 'needs `service`, the name of the service to enter');
    }
    const files = composeFiles.map((file) => resolve(folder, file));
    return {
      kind: 'compose',
      files,
      service,
      runServices: fields.texts('runServices'),
      defaultProject: defaultProject(dirname(files[0] ?? path), localFolder),
    };
  }
  if (dockerfile !== null && dockerfile !== undefined) {
    const context = resolve(folder, build?.text('context') ?? fields.text('context') ?? '.');
    return {
      kind: 'build',
      dockerfile: resolve(folder, dockerfile),
      context,
      target: build?.text('target') ?? null,
    };
  }
  if (image !== null) return { kind: 'image', image };
  throw fields.invalid(null, 'needs one of `image`, `build.dockerfile` or `dockerComposeFile`');
}

/** Compose itself would take `devcontainer`, the name of the folder: every project's would be the same. */
function defaultProject(composeDir: string, localFolder: string): string {
  const isInside = composeDir === join(localFolder, '.devcontainer');
  const name = isInside ? `${basename(localFolder)}_devcontainer` : basename(composeDir);
  return name.toLowerCase().replaceAll(/[^-_a-z0-9]/g, '');
}

interface Variables {
  readonly localFolder: string;
  readonly workspaceFolder: string;
  readonly environment: Environment;
}

function replaceVariables(text: string, { localFolder, workspaceFolder, environment }: Variables): string {
  return text.replaceAll(/\$\{([^{}]+)\}/g, (whole, inside: string) => {
    const [name = '', variable = '', ...rest] = inside.split(':');
    switch (name) {
      case 'localWorkspaceFolder':
        return localFolder;
      case 'localWorkspaceFolderBasename':
        return basename(localFolder);
      case 'containerWorkspaceFolder':
        return workspaceFolder;
      case 'containerWorkspaceFolderBasename':
        return posix.basename(workspaceFolder);
      case 'localEnv':
      case 'env':
        return environment[variable] ?? rest.join(':');
      default:
        return whole; // containerEnv, and what a later version may bring
    }
  });
}

function replaceIn(source: DevcontainerSource, replace: (text: string) => string): DevcontainerSource {
  switch (source.kind) {
    case 'image':
      return { ...source, image: replace(source.image) };
    case 'build':
      return { ...source, dockerfile: replace(source.dockerfile), context: replace(source.context) };
    case 'compose':
      return { ...source, files: source.files.map(replace), service: replace(source.service) };
  }
}

function mapText(text: string | null, replace: (text: string) => string): string | null {
  return text === null ? null : replace(text);
}

function mapValues<In, Out>(
  record: Readonly<Record<string, In>>,
  map: (value: In) => Out,
): Readonly<Record<string, Out>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
