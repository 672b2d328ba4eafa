/**
 * What an engine knows of its containers, in one shape for Docker and Podman.
 * Reading only; ids are asked for, then inspected, because `ps` formats differ.
 */
export interface Inspector {
  readonly engine: 'docker' | 'podman';
  /** Containers that carry all of these labels (an empty value matches any value), running or not. */
  byLabels(labels: Readonly<Record<string, string>>): Promise<readonly ContainerFacts[]>;
  /** By name or id; null when there is none. */
  container(nameOrId: string): Promise<ContainerFacts | null>;
  /** All running ones; with an image, those made from it or from an image derived from it, or named like it. */
  running(image: string | null): Promise<readonly ContainerFacts[]>;
  image(name: string): Promise<ImageFacts | null>;
  /** Host directories that these volumes bind (`o: bind`), by the volume's name; others are left out. */
  boundVolumes(names: readonly string[]): Promise<Readonly<Record<string, string>>>;
}

export interface ContainerFacts {
  /** Full id. */
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  readonly hostname: string;
  readonly state:
    | 'created'
    | 'running'
    | 'paused'
    | 'restarting'
    | 'removing'
    | 'exited'
    | 'dead'
    | 'unknown';
  /** Null while it runs. */
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  readonly health: 'starting' | 'healthy' | 'unhealthy' | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly MountFacts[];
  /** Host port to container port, `8080` to `3000/tcp`. */
  readonly ports: Readonly<Record<string, string>>;
  /** Empty when the image sets none. */
  readonly workingDir: string;
  readonly user: string;
  readonly env: readonly string[];
  readonly createdAt: string;
  /** Of its latest start, in the engine's words; empty before the first. */
  readonly startedAt?: string;
}

export interface MountFacts {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'other';
  /** As it was given: symlinks are not resolved. */
  readonly source: string;
  readonly destination: string;
  /** Name of a volume of the engine's own driver, which may bind a directory of the host. */
  readonly volume?: string;
  readonly readOnly: boolean;
}

export interface ImageFacts {
  readonly id: string;
  readonly workingDir: string;
  readonly user: string;
  readonly env: readonly string[];
}

/** How a program of the machine answered; each state has its own mend. */
export interface Availability {
  readonly available: boolean;
  readonly state:
    | 'answers'
    | 'not_installed'
    | 'no_daemon'
    | 'no_permission'
    | 'bad_endpoint'
    | 'hangs'
    | 'not_configured'
    | 'unusable';
  readonly version: string | null;
  /** One sentence and its mend; null when it answers. */
  readonly reason: string | null;
}
