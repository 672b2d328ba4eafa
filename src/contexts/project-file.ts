import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import {
  ANY_CONTAINER,
  type ContainerType,
  type ContextRequest,
  type KubernetesRequest,
  type VenvRequest,
} from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import { kindOf, readText } from './detect/files.ts';
import { upwards } from './git.ts';
import { isTrusted } from './trust.ts';

/** `berth.yaml`: what a project says about its own context. Settings of the queue in it are read by config.ts. */
export interface ProjectFile {
  readonly path: string;
  /** False: what could start a program or leave the container was left out. */
  readonly trusted: boolean;
  readonly container: ContainerSettings | null;
  /** Where the file's directory is inside the container. */
  readonly workdir: { readonly host: string; readonly target: string } | null;
  readonly kubernetes: KubernetesRequest | null;
  readonly env: Readonly<Record<string, string>>;
  readonly prereqs: readonly string[];
  readonly venv: VenvRequest | null;
  readonly warnings: readonly string[];
}

export interface ContainerSettings {
  /** Tasks use the container without `--use-container`. */
  readonly use: boolean;
  readonly type: ContainerType | null;
  readonly service: string | null;
  readonly image: string | null;
  readonly name: string | null;
  readonly user: string | null;
  readonly start: boolean;
  readonly build: boolean;
  readonly allowHost: boolean;
}

export const PROJECT_FILE = 'berth.yaml';

/**
 * The nearest `berth.yaml` from a directory upwards, not above its git root or the home directory.
 *
 * @param home  the state folder, which remembers the files that the user trusts
 * @throws {BerthError} `CONFIG_INVALID` with file and line
 */
export async function loadProjectFile(dir: string, home: string): Promise<ProjectFile | null> {
  const path = findProjectFile(dir);
  if (path === null) return null;
  const read = readText(path);
  if (read.kind === 'missing') return null;
  if (read.kind === 'refused') {
    throw new BerthError(`${path} is ${read.why}.`, {
      code: 'CONFIG_INVALID',
      hint: 'Make it a readable YAML file below 1 MiB, or remove it.',
    });
  }
  // zod and yaml are needed only where such a file is
  const { parseProjectFile } = await import('./project-schema.ts');
  const file = parseProjectFile(read.text, path);
  return isTrusted(home, { path, text: read.text }) ? { ...file, trusted: true } : restricted(file);
}

/**
 * The request with the project's defaults where the user left the matter open: `container.use` and `venv`.
 * What depends on the state of the machine is settled when the task is resolved.
 */
export function withProjectDefaults(
  request: ContextRequest,
  file: ProjectFile | null,
  open: { readonly container: boolean; readonly venv: boolean },
): ContextRequest {
  const useContainer = open.container && request.container === null && file?.container?.use === true;
  return {
    ...request,
    container: useContainer ? ANY_CONTAINER : request.container,
    venv: open.venv && file?.venv ? file.venv : request.venv,
  };
}

/** Path of the `berth.yaml` that holds for a directory, or null. */
export function findProjectFile(dir: string): string | null {
  for (const path of upwards(dir)) {
    const file = join(path, PROJECT_FILE);
    if (kindOf(file) !== null) return file;
    if (kindOf(join(path, '.git')) !== null || path === homedir()) return null;
  }
  return null;
}

/** A file that the user has not trusted may choose contexts, and nothing that can start a program. */
function restricted(file: ProjectFile): ProjectFile {
  const { container } = file;
  const ignored = [
    ...(file.prereqs.length > 0 ? ['prereqs'] : []),
    // variables such as LD_PRELOAD or PATH start programs as well
    ...(Object.keys(file.env).length > 0 ? ['env'] : []),
    ...(file.venv !== null && file.venv.kind !== 'off' ? ['venv'] : []),
    // a Job may mount the node's own files and use any service account
    ...(file.kubernetes?.job ? ['kubernetes.job'] : []),
    ...(container?.start ? ['container.start'] : []),
    ...(container?.build ? ['container.build'] : []),
    ...(container?.allowHost ? ['container.allow_host'] : []),
  ];
  const warning = `${ignored.join(', ')} of ${basename(file.path)} ${ignored.length > 1 ? 'are' : 'is'} ignored: you have not trusted the file. Read it, then run \`berth trust ${dirname(file.path)}\`.`;
  return {
    ...file,
    trusted: false,
    env: {},
    prereqs: [],
    venv: null,
    kubernetes: file.kubernetes && { ...file.kubernetes, job: undefined },
    container: container && { ...container, start: false, build: false, allowHost: false },
    warnings: ignored.length === 0 ? file.warnings : [...file.warnings, warning],
  };
}
