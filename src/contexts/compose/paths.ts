import { isAbsolute, join, normalize } from 'node:path';

/** Where relative paths of a Compose file begin. */
export interface Base {
  readonly dir: string;
  /** What `~` stands for; null when the caller has no HOME. */
  readonly home: string | null;
}

/**
 * A path of this machine, absolute and without `.` and `..`. A Windows path is left as it is.
 *
 * Source: compose-spec/compose-go, paths/resolve.go and paths/unix.go.
 */
export function hostPath(path: string, { dir, home }: Base): string {
  const expanded = path.startsWith('~') && home !== null ? join(home, path.slice(1)) : path;
  if (isWindowsPath(expanded)) return expanded;
  const absolute = isAbsolute(expanded) ? normalize(expanded) : join(dir, expanded);
  return absolute.length > 1 && absolute.endsWith('/') ? absolute.slice(0, -1) : absolute;
}

function isWindowsPath(path: string): boolean {
  return /^(?:[a-z]:[\\/]|\\\\[^\\/.])/i.test(path);
}

/** A build context; a URL or another service's name is none of this machine's paths. */
export function contextPath(context: string, base: Base): string {
  const elsewhere =
    context === '' || context.includes('://') || /^(?:service:|github\.com\/|git@)/.test(context);
  return elsewhere ? context : hostPath(context, base);
}

/** Whether `include` or `extends` names something that would have to be fetched. */
export function isRemote(path: string): boolean {
  return path.includes('://') || /^(?:github\.com\/|git@|oci:)/.test(path);
}
