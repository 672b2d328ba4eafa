import { posix } from 'node:path';
import { BerthError } from '../../core/errors.ts';
import { type Mount, mapDirectory, type Realpath, within } from '../mounts.ts';

export interface Inside {
  /** For sentences: `service "web"`. */
  readonly label: string;
  /** The real mounts of a running container; of one that is not there yet, those of its definition. */
  readonly mounts: readonly Mount[];
  /** The container's working directory; null when it is not known. */
  readonly workingDir: string | null;
  /** `container.workdir` of berth.yaml: where the project's top is inside. */
  readonly stated: Place | null;
  /** `workspaceFolder` of a dev container. */
  readonly workspace: Place | null;
  /** Top directories of the project, whose counterpart is the container's working directory. */
  readonly tops: readonly string[];
  /** Host directory that the image is built from; null when it is not built here. */
  readonly builtFrom: string | null;
  /** Top of the project: the git root. */
  readonly root: string;
  /** A person named this container or service. */
  readonly named: boolean;
}

export interface Place {
  readonly host: string;
  readonly target: string;
}

/**
 * Where a task that belongs in the host directory `dir` runs inside a container: where berth.yaml
 * says; where a mount shows the directory; in the dev container's workspace folder; and in the
 * container's own working directory, with a warning, if `dir` is the top of the project or if
 * nothing of the project is in a container that was asked for by name. Nothing else is the same
 * place, and a host path is never passed on.
 *
 * @throws {BerthError} `DIRECTORY_NOT_MAPPED`
 */
export function directoryInside(
  dir: string,
  inside: Inside,
  realpath: Realpath,
): { readonly target: string; readonly warnings: readonly string[] } {
  const real = realpath(dir);
  const below = (place: Place | null) =>
    place !== null && within(real, realpath(place.host))
      ? posix.join(place.target, posix.relative(realpath(place.host), real))
      : null;

  const stated = below(inside.stated);
  if (stated !== null) return { target: stated, warnings: [] };
  const mapping = mapDirectory(dir, inside.mounts, { realpath, workingDir: inside.workingDir ?? '/' });
  if (mapping.kind === 'mapped') return { target: mapping.target, warnings: readOnly(dir, mapping.mount) };
  const workspace = mapping.kind === 'none' ? below(inside.workspace) : null;
  if (workspace !== null) return { target: workspace, warnings: [] };
  if (mapping.kind === 'none' && inside.workingDir !== null && standsFor(real, inside, realpath)) {
    const target = inside.workingDir === '' ? '/' : inside.workingDir;
    return {
      target,
      warnings: [`No mount of ${inside.label} shows ${dir}; the task runs in its own directory ${target}.`],
    };
  }
  const isHidden = mapping.kind === 'hidden';
  const why = isHidden ? `another mount lies over it, on ${mapping.by.target}` : 'no mount shows it there';
  throw new BerthError(`The directory ${dir} is not in ${inside.label}: ${why}.`, {
    code: 'DIRECTORY_NOT_MAPPED',
    hint: isHidden
      ? 'Run from another directory: what is in there is not what is here.'
      : 'Mount the project, run from its top directory, or set `container: {workdir: /app}` in berth.yaml.',
  });
}

/** Whether the container's working directory may stand for this directory. */
function standsFor(real: string, inside: Inside, realpath: Realpath): boolean {
  if (inside.tops.some((top) => realpath(top) === real)) return true;
  const isBuiltFromIt = inside.builtFrom !== null && within(real, realpath(inside.builtFrom));
  return (
    inside.named && !isBuiltFromIt && !inside.mounts.some((mount) => isOfProject(mount, inside, realpath))
  );
}

function isOfProject({ type, source }: Mount, { root }: Inside, realpath: Realpath): boolean {
  return type === 'bind' && source !== null && within(realpath(source), realpath(root));
}

function readOnly(dir: string, mount: Mount): readonly string[] {
  return mount.readOnly ? [`${dir} is mounted read-only at ${mount.target}.`] : [];
}
