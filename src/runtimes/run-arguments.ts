import { isAbsolute, resolve } from 'node:path';
import { BerthError } from '../core/errors.ts';
import type { EngineName } from './engine-cli.ts';
import { passVariables } from './variables.ts';

/** Everything about a container that berth starts. */
export interface RunPlan {
  /** `IN_BACKGROUND`, or the engine's verb with what this start alone needs. */
  readonly verb: readonly [string, ...string[]];
  readonly name: string | null;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** As `parsePort` gives them. */
  readonly ports: readonly string[];
  readonly runAs: RunAs | null;
  readonly hardened: boolean;
  /** The user's own; they come after ours, so that they win. */
  readonly engineArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string | null;
  readonly entrypoint: string | null;
  readonly command: readonly string[];
}

export interface RunAs {
  readonly user: string;
  /** Null leaves HOME to the engine. */
  readonly home: string | null;
  /** Podman without root: the caller keeps its number inside. */
  readonly keepId: boolean;
}

export interface Mount {
  readonly type: 'bind' | 'volume';
  /** Absolute path, volume name, or empty for an anonymous volume. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** SELinux label: shared (`z`), private (`Z`), or none. */
  readonly relabel: 'shared' | 'private' | null;
}

export interface StartCommand {
  readonly argv: readonly [EngineName, ...string[]];
  /** For the client. */
  readonly env: Readonly<Record<string, string>>;
}

/** The engine keeps what a container says until that is removed. */
export const BOUNDED_LOG = '--log-opt=max-size=10m';
export const IN_BACKGROUND = ['run', '--detach', BOUNDED_LOG] as const;

/**
 * `docker run …`: always with an init (so that TERM works and zombies are reaped), never with a pull that
 * nobody asked for. A mounted path that is missing is an error of the engine, not a new directory of root's.
 */
export function runArguments(engine: EngineName, plan: RunPlan): StartCommand {
  const { runAs } = plan;
  const variables = passVariables(engine, { ...(runAs?.home && { HOME: runAs.home }), ...plan.env });
  const argv: StartCommand['argv'] = [
    engine,
    ...plan.verb,
    '--init',
    '--pull=never',
    ...(plan.name === null ? [] : [`--name=${plan.name}`]),
    ...Object.entries(plan.labels).map(([key, value]) => `--label=${key}=${value}`),
    ...plan.mounts.map((mount) => `--mount=${mountArgument(engine, mount)}`),
    ...plan.ports.map((port) => `--publish=${port}`),
    ...(runAs === null ? [] : [`--user=${runAs.user}`]),
    ...(runAs?.keepId ? ['--userns=keep-id'] : []),
    ...variables.args,
    ...(plan.workdir === null ? [] : [`--workdir=${plan.workdir}`]),
    ...(plan.hardened ? HARDENED : []),
    ...(plan.entrypoint === null ? [] : [`--entrypoint=${plan.entrypoint}`]),
    ...plan.engineArgs,
    plan.image,
    ...plan.command,
  ];
  return { argv, env: variables.env };
}

const HARDENED = [
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  '--pids-limit=512',
  '--read-only',
  '--tmpfs=/tmp',
  '--network=none',
];

/**
 * `HOST:CONTAINER[:ro]`, where a host part without a slash is a volume's name and `./x` starts at
 * `workdir`; a lone container path is an anonymous volume.
 */
export function parseMount(volume: string, workdir: string): Mount {
  const parts = volume.split(':');
  const [source = '', target = '', words = ''] = parts.length === 1 ? ['', volume] : parts;
  const options = words === '' ? [] : words.split(',');
  const unknown = options.find((option) => !/^(ro|rw|z|Z|cached|delegated|consistent)$/.test(option));
  if (parts.length > 3 || !target.startsWith('/') || unknown !== undefined) {
    throw new BerthError(`${JSON.stringify(volume)} is no volume.`, {
      code: 'INVALID_VALUE',
      hint: 'Write HOST:CONTAINER, with `:ro` behind it to protect the host side; the container path is absolute.',
    });
  }
  const isPath = /^[./]/.test(source);
  return {
    type: isPath ? 'bind' : 'volume',
    source: isPath && !isAbsolute(source) ? resolve(workdir, source) : source,
    target,
    readOnly: options.includes('ro'),
    relabel: options.includes('z') ? 'shared' : options.includes('Z') ? 'private' : null,
  };
}

/**
 * `[ADDRESS:]HOST:CONTAINER[/udp]`, or `CONTAINER` for a host port that the engine picks. Without an
 * address only this machine can connect.
 */
export function parsePort(port: string): string {
  const match = /^(?:(\[[\da-fA-F:]+\]|\d+(?:\.\d+){3}):)?(?:(\d*):)?(\d+)(\/(?:tcp|udp|sctp))?$/.exec(port);
  const [, address = '127.0.0.1', outside = '', inside = '', protocol = ''] = match ?? [];
  const bad = match === null || Number(inside) < 1 || Number(inside) > 65_535 || Number(outside) > 65_535;
  if (!bad) return `${address}:${outside === '0' ? '' : outside}:${inside}${protocol}`;
  throw new BerthError(`${JSON.stringify(port)} is no port to publish.`, {
    code: 'INVALID_VALUE',
    hint: 'Write HOST:CONTAINER with numbers from 1 to 65535, such as 8080:3000; ADDRESS: in front opens it to others.',
  });
}

/** Fields of a CSV record, as both engines read `--mount`. */
function mountArgument(engine: EngineName, mount: Mount): string {
  if (mount.relabel !== null && engine === 'docker') {
    throw new BerthError(`Docker cannot set an SELinux label on the mount of ${mount.source}.`, {
      code: 'INVALID_VALUE',
      hint: `Leave \`z\` out, or mount it with \`--docker-arg=--volume=${mount.source}:${mount.target}:z\`.`,
    });
  }
  const fields = [
    `type=${mount.type}`,
    ...(mount.source === '' ? [] : [`source=${mount.source}`]),
    `target=${mount.target}`,
    ...(mount.readOnly ? ['readonly'] : []),
    ...(mount.relabel === null ? [] : [`relabel=${mount.relabel}`]),
  ];
  return fields.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}
