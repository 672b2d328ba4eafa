import type { ContainerFacts, ImageFacts, MountFacts } from '../core/inspect.ts';

/** One entry of `docker container inspect`, `podman container inspect` or `GET /containers/ID/json`. */
export function containerFacts(description: unknown): ContainerFacts {
  const raw = description as RawContainer;
  const state = STATES[raw.State?.Status ?? ''] ?? 'unknown';
  const ended = state === 'exited' || state === 'dead';
  return {
    id: raw.Id,
    name: raw.Name.replace(/^\//, ''),
    image: raw.ImageName ?? raw.Config?.Image ?? '',
    imageId: raw.Image === undefined ? '' : digest(raw.Image),
    hostname: raw.Config?.Hostname ?? '',
    state,
    exitCode: ended ? (raw.State?.ExitCode ?? null) : null,
    oomKilled: raw.State?.OOMKilled ?? false,
    health: healthOf(raw),
    labels: raw.Config?.Labels ?? {},
    mounts: mountsOf(raw),
    ports: portsOf(raw),
    workingDir: raw.Config?.WorkingDir ?? '',
    user: raw.Config?.User ?? '',
    env: raw.Config?.Env ?? [],
    createdAt: raw.Created ?? '',
    startedAt: raw.State?.StartedAt ?? '',
  };
}

/** One entry of `docker image inspect`, `podman image inspect` or `GET /images/NAME/json`. */
export function imageFacts(description: unknown): ImageFacts {
  const raw = description as RawImage;
  return {
    id: digest(raw.Id),
    workingDir: raw.Config?.WorkingDir ?? '',
    user: raw.Config?.User ?? '',
    env: raw.Config?.Env ?? [],
  };
}

/**
 * Name and host directory of a volume that binds one, or null: one entry of `docker volume inspect`, `podman volume
 * inspect` or `GET /volumes/NAME`.
 */
export function boundVolume(description: unknown): readonly [string, string] | null {
  const { Name, Driver, Options } = description as RawVolume;
  const isBind = Driver === 'local' && /(?:^|,)r?bind(?:,|$)/.test(Options?.['o'] ?? '');
  const device = Options?.['device'];
  return isBind && device?.startsWith('/') === true ? [Name, device] : null;
}

/** What is read of the engines' answers; anything may be missing or null in one version or another. */
interface RawContainer {
  readonly Id: string;
  readonly Name: string;
  readonly Image?: string;
  /** Podman only. */
  readonly ImageName?: string;
  readonly Created?: string;
  readonly State?: {
    readonly Status?: string;
    readonly StartedAt?: string;
    readonly ExitCode?: number;
    readonly OOMKilled?: boolean;
    readonly Health?: { readonly Status?: string } | null;
    /** Podman before 4.3. */
    readonly Healthcheck?: { readonly Status?: string } | null;
  };
  readonly Config?: RawConfig & { readonly Hostname?: string; readonly Image?: string };
  readonly Mounts?: readonly RawMount[] | null;
  readonly NetworkSettings?: { readonly Ports?: RawPorts | null };
  readonly HostConfig?: {
    readonly PortBindings?: RawPorts | null;
    /** Docker keeps what `--tmpfs` mounts here alone. */
    readonly Tmpfs?: Readonly<Record<string, string>> | null;
  };
}

interface RawVolume {
  readonly Name: string;
  readonly Driver?: string;
  readonly Options?: Readonly<Record<string, string>> | null;
}

interface RawImage {
  readonly Id: string;
  readonly Config?: RawConfig | null;
}

interface RawConfig {
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly Env?: readonly string[] | null;
}

interface RawMount {
  readonly Type?: string;
  readonly Source?: string;
  readonly Destination: string;
  readonly RW?: boolean;
  /** Of a volume. */
  readonly Name?: string;
  readonly Driver?: string;
}

type RawPorts = Readonly<Record<string, readonly { readonly HostPort?: string }[] | null>>;

const STATES: Readonly<Record<string, ContainerFacts['state']>> = {
  created: 'created',
  running: 'running',
  paused: 'paused',
  restarting: 'restarting',
  removing: 'removing',
  exited: 'exited',
  dead: 'dead',
  // podman's own words
  configured: 'created',
  initialized: 'created',
  stopped: 'exited',
};

/** Docker writes `sha256:` before an id, podman does not. */
function digest(id: string): string {
  return id.includes(':') ? id : `sha256:${id}`;
}

function healthOf(raw: RawContainer): ContainerFacts['health'] {
  const status = raw.State?.Health?.Status || raw.State?.Healthcheck?.Status;
  return status === 'starting' || status === 'healthy' || status === 'unhealthy' ? status : null;
}

function mountsOf(raw: RawContainer): readonly MountFacts[] {
  const mounts = (raw.Mounts ?? []).map(mountFacts);
  const known = new Set(mounts.map(({ destination }) => destination));
  const others = Object.keys(raw.HostConfig?.Tmpfs ?? {}).filter((destination) => !known.has(destination));
  return [
    ...mounts,
    ...others.map((destination) => ({ type: 'tmpfs' as const, source: '', destination, readOnly: false })),
  ];
}

function mountFacts(raw: RawMount): MountFacts {
  const type = raw.Type === 'bind' || raw.Type === 'volume' || raw.Type === 'tmpfs' ? raw.Type : 'other';
  const volume = type === 'volume' && raw.Driver === 'local' ? raw.Name : undefined;
  return {
    type,
    source: raw.Source ?? '',
    destination: raw.Destination,
    readOnly: raw.RW === false,
    ...(volume && { volume }),
  };
}

/** A stopped container has only the wish; a running one also the ports that the engine picked. */
function portsOf(raw: RawContainer): Readonly<Record<string, string>> {
  const ports =
    Object.keys(raw.NetworkSettings?.Ports ?? {}).length > 0
      ? raw.NetworkSettings?.Ports
      : raw.HostConfig?.PortBindings;
  return Object.fromEntries(
    Object.entries(ports ?? {}).flatMap(([inside, outside]) =>
      (outside ?? []).flatMap(({ HostPort }) => (HostPort ? [[HostPort, inside]] : [])),
    ),
  );
}
