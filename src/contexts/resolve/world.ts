import type { Cluster, ClusterPolicy } from '../../core/cluster.ts';
import type { DirectoryIdentity, GitFacts, Toolchain, VenvRequest } from '../../core/context.ts';
import type { ComposeProject, Detection } from '../../core/detection.ts';
import type { Availability, Inspector } from '../../core/inspect.ts';
import type { Devcontainer } from '../devcontainer.ts';
import type { Repository, Worktree } from '../git.ts';
import type { Realpath } from '../mounts.ts';
import type { ProjectFile } from '../project-file.ts';

export type Engine = 'docker' | 'podman';

/** Everything that resolution looks at. It changes nothing but what `git.addWorktree` makes. */
export interface World {
  /** Name of the machine that is looked at. */
  readonly host: string;
  readonly files: Files;
  /** The `berth.yaml` that holds for a directory, or null. Throws `CONFIG_INVALID`. */
  projectFile(dir: string): Promise<ProjectFile | null>;
  detect(dir: string, options?: { readonly shallow?: boolean }): Promise<Detection>;
  /** The Compose project of a directory, or of these files. Throws `COMPOSE_INVALID`. */
  compose(dir: string, files: readonly string[] | null): Promise<ComposeProject | null>;
  /** Throws `DEVCONTAINER_INVALID`. */
  devcontainer(path: string): Promise<Devcontainer>;
  /** With its own tool; null in a dry run. Throws `CONTAINER_NOT_RUNNING`, `POLICY`. */
  readonly bringUp: ((config: Devcontainer) => Promise<void>) | null;
  /** Its methods throw `RUNTIME_UNAVAILABLE` when the engine does not answer. */
  inspector(engine: Engine): Inspector;
  /** Why an engine does not answer. */
  probe(engine: Engine): Promise<Availability>;
  readonly kubernetes: Kubernetes;
  readonly git: Git;
  toolchain(question: ToolchainQuestion): Promise<ToolchainAnswer>;
}

export interface Files {
  readonly realpath: Realpath;
  isDirectory(path: string): boolean;
  /** Null where that cannot be told. */
  identity(path: string): DirectoryIdentity | null;
}

export interface Kubernetes {
  readonly cluster: Cluster;
  /** From the user's own settings. Throws `CONFIG_INVALID`. */
  policy(): Promise<ClusterPolicy>;
  /** A manifest of the user's own. Throws `FILE_NOT_FOUND` and `BAD_DATA`. */
  manifest(path: string): Promise<Readonly<Record<string, unknown>>>;
}

export interface Git {
  /** Null outside a repository. */
  facts(dir: string): Promise<GitFacts | null>;
  repository(dir: string): Repository | null;
  worktrees(dir: string): Promise<readonly Worktree[]>;
  /** Make a checkout of an existing branch; null in a dry run, which only says where it would be. */
  readonly addWorktree: ((root: string, tree: NewWorktree) => Promise<void>) | null;
}

export interface NewWorktree {
  readonly path: string;
  readonly branch: string;
}

export interface ToolchainQuestion {
  readonly venv: VenvRequest;
  /** Host directory of the task, and the top of its project. */
  readonly dir: string;
  readonly root: string;
  readonly side: 'host' | 'container';
  /** Where a host path is on the side where the task runs; null when it is not there. */
  readonly inside: (path: string) => string | null;
}

export interface ToolchainAnswer {
  readonly toolchain: Toolchain | null;
  readonly warnings: readonly string[];
}
