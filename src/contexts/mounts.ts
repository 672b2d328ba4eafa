import { posix } from 'node:path';

/** The path with every symlink resolved; a path that is not there comes back as it is. */
export type Realpath = (path: string) => string;

/** A mount of a container, as `inspect` or a Compose file tells it. */
export interface Mount {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'other';
  /** Host path of a bind; null where there is none. */
  readonly source: string | null;
  readonly target: string;
  readonly readOnly: boolean;
}

export type Mapping =
  | { readonly kind: 'mapped'; readonly target: string; readonly mount: Mount }
  /** A mount covers the directory, but another mount hides that place inside the container. */
  | { readonly kind: 'hidden'; readonly target: string; readonly by: Mount }
  | { readonly kind: 'none' };

/**
 * Where a host directory is inside a container: the bind mount with the longest source
 * that holds it, joined with the rest of the path. Engines keep sources as they were given,
 * so symlinks are resolved on both sides. A place that a deeper mount hides is not the
 * directory: the next mount is tried.
 *
 * @param workingDir  the container's own working directory; decides between two mounts of one source
 */
export function mapDirectory(
  dir: string,
  mounts: readonly Mount[],
  { realpath, workingDir }: { readonly realpath: Realpath; readonly workingDir: string },
): Mapping {
  const real = realpath(dir);
  const covering = mounts
    .flatMap((mount) => {
      const source = mount.type === 'bind' ? hostSource(mount.source, real, realpath) : null;
      return source === null ? [] : [{ mount, source }];
    })
    .sort(
      (a, b) =>
        depth(b.source) - depth(a.source) ||
        Number(within(workingDir, b.mount.target)) - Number(within(workingDir, a.mount.target)) ||
        depth(b.mount.target) - depth(a.mount.target) ||
        (a.mount.target < b.mount.target ? -1 : 1),
    );
  const places = covering.map(({ mount, source }) => {
    const target = posix.join(mount.target, posix.relative(source, real));
    return { mount, target, top: topMount(target, mounts) };
  });
  const seen = places.find(({ mount, top }) => top === mount);
  if (seen !== undefined) return { kind: 'mapped', target: seen.target, mount: seen.mount };
  const [hidden] = places;
  if (hidden?.top == null) return { kind: 'none' };
  return { kind: 'hidden', target: hidden.target, by: hidden.top };
}

/** Whether `path` is `dir` or below it, compared by whole segments. */
export function within(path: string, dir: string): boolean {
  const relative = posix.relative(dir, path);
  return relative === '' || (relative !== '..' && !relative.startsWith('../'));
}

/** Segments of an absolute path: `/` is 0, `/a/b` is 2. */
export function depth(path: string): number {
  return path.split('/').filter((part) => part !== '').length;
}

/** The real host path of a source that holds `real`, or null. */
function hostSource(source: string | null, real: string, realpath: Realpath): string | null {
  if (source?.startsWith('/') !== true) return null;
  const spellings = [realpath(source)];
  // Docker Desktop on macOS reports the path inside its VM: /host_mnt/Users/me for /Users/me
  if (source.startsWith('/host_mnt/')) spellings.push(realpath(source.slice('/host_mnt'.length)));
  return spellings.find((spelling) => within(real, spelling)) ?? null;
}

/** The mount that a path inside the container belongs to: the deepest target that holds it. */
function topMount(path: string, mounts: readonly Mount[]): Mount | null {
  return mounts
    .filter(({ target }) => within(path, target))
    .reduce<Mount | null>(
      (top, mount) => (top === null || depth(mount.target) >= depth(top.target) ? mount : top),
      null,
    );
}
