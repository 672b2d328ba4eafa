import type { ContainerType } from './context.ts';

/** What the files of a directory say about its container context. */
export interface Detection {
  /** The directory that was asked about, absolute, symlinks resolved. */
  readonly dir: string;
  /** Where the search upwards stopped: the git root, or outside git the last parent that counts. */
  readonly root: string;
  readonly type: ContainerType | null;
  /** Why the winner won, or why there is none. */
  readonly reason: string;
  /** True when candidates of the same rank contradict each other (several dev containers). */
  readonly ambiguous: boolean;
  /** Best first. */
  readonly candidates: readonly Candidate[];
  /** Names, when the type is Compose (or a dev container on Compose). */
  readonly services?: readonly string[];
  readonly devcontainer?: DevcontainerSummary;
  readonly warnings: readonly string[];
}

export interface Candidate {
  readonly type: ContainerType;
  readonly dir: string;
  readonly confidence: 'strong' | 'weak' | 'low';
  readonly evidence: readonly Evidence[];
}

export interface Evidence {
  readonly path: string;
  /** The rule that it met, in words. */
  readonly rule: string;
}

export interface DevcontainerSummary {
  readonly path: string;
  readonly kind: 'image' | 'build' | 'compose';
  readonly service: string | null;
}

/** A Compose project as the files describe it, before any engine is asked. */
export interface ComposeProject {
  /** Project directory: relative paths start here. */
  readonly dir: string;
  /** In the order they are merged. */
  readonly files: readonly string[];
  readonly name: string;
  /** All services, profiled ones too, sorted by name. */
  readonly services: readonly ComposeService[];
  readonly activeProfiles: readonly string[];
  readonly warnings: readonly string[];
}

export interface ComposeService {
  readonly name: string;
  readonly image: string | null;
  readonly build: { readonly context: string; readonly dockerfile: string | null } | null;
  readonly profiles: readonly string[];
  /** Whether it is on with the active profiles. */
  readonly enabled: boolean;
  readonly volumes: readonly ComposeMount[];
  /** Container paths that hide what a volume shows there. */
  readonly tmpfs: readonly string[];
  readonly workingDir: string | null;
  readonly user: string | null;
  readonly containerName: string | null;
  readonly dependsOn: readonly string[];
}

export interface ComposeMount {
  /** A named volume that binds a directory of the host is a `bind` of that directory. */
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'other';
  /** Absolute host path for binds, volume name for volumes, null when anonymous. */
  readonly source: string | null;
  readonly target: string;
  readonly readOnly: boolean;
}
