import type { Host } from './host.ts';

/** The process that answers for a container, as its label says: `host:pid:startTime:bootId:pidNamespace`. */
export function ownerOf({ name, self, pidNamespace }: Host): string {
  return [name, self.pid, self.startTime, self.bootId, pidNamespace].join(':');
}

/**
 * Whether the process of an owner label is dead for certain. A label of another machine, of a pid namespace that is
 * not ours, or with fewer words proves nothing. One from before the last boot may have come from a machine of the
 * same name: it proves what does not run any more.
 *
 * @param runs  whether the container that carries it may still run
 */
export function isOwnerDead(host: Host, owner: string, runs: boolean): boolean {
  const [, name, pid, startTime = '', bootId, namespace] =
    /^([^:]+):(\d+):(\d*):([^:]*):([^:]*)$/.exec(owner) ?? [];
  if (name !== host.name || pid === undefined || bootId === undefined) return false;
  if (bootId !== host.self.bootId) return !runs;
  if (namespace !== host.pidNamespace) return false;
  return !host.isAlive({ pid: Number(pid), startTime, bootId });
}
