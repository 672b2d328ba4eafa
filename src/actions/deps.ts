import type { Explanation } from '../contexts/explain.ts';
import type { ServiceList } from '../contexts/services.ts';
import type { TurnFacts } from '../core/agent.ts';
import type { ContextRequest } from '../core/context.ts';
import type { Detection } from '../core/detection.ts';
import type { Host } from '../core/host.ts';
import type { Availability, Inspector } from '../core/inspect.ts';
import type { Settings } from '../core/settings.ts';
import type { Store } from '../core/store.ts';
import type { Outcome, Payload, TaskSpec } from '../core/task.ts';
import type { Terminals } from '../core/terminal.ts';

/**
 * What the actions work with. `main.ts` puts it together from the real parts, tests from others.
 * Everything behind a promise is loaded or opened at its first use: a verb that only looks at files
 * never touches the state folder, and `send` never loads a parser it does not need.
 */
export interface Deps {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute working directory of the caller. */
  readonly cwd: string;
  /** The state folder, `$BERTH_HOME`; it may not exist yet. */
  readonly home: string;
  /** Unix milliseconds. */
  now(): number;
  /** This machine. */
  readonly host: Host;
  /** Opens the state folder at the first call, and makes it where it is missing. */
  store(): Promise<Store>;
  /** The queue in the state folder, also where another one is in use. */
  fileStore(): Promise<Store>;
  /** Settings as they hold for a directory; a broken file is `CONFIG_INVALID`. */
  settings(dir: string): Promise<Settings>;
  readonly contexts: ContextReading;
  readonly engines: Engines;
  readonly runs: RunReading;
  readonly worker: WorkerControl;
  readonly terminals: Terminals;
  /** Run a task now, on the caller's streams. Resolves at its end. */
  foreground(
    spec: TaskSpec,
    watcher: ForegroundWatcher,
  ): Promise<{ readonly id: number; readonly outcome: Outcome }>;
  /** Versions of the libraries that state depends on, such as `sqlite`. */
  libraries(): Promise<Readonly<Record<string, string>>>;
}

export interface ForegroundWatcher {
  /** `none` leaves the caller's stdin alone; `terminal` hands the caller's terminal over. */
  readonly stdin: 'none' | 'forward' | 'terminal';
  /** Learns the id before anything starts. */
  started(id: number): void;
  /** Learns what is worth knowing about the place, before anything runs. */
  resolved(warnings: readonly string[]): void;
  /** Takes the output instead of the caller's stdout and stderr; null leaves it to them. */
  readonly output: ((chunk: OutputChunk) => Promise<void>) | null;
}

/** What `src/contexts` can tell. Nothing of it runs a task. */
export interface ContextReading {
  detect(dir: string): Promise<Detection>;
  /** With profiled services where `all`; throws COMPOSE_INVALID, or CONTAINER_NOT_DETECTED without a Compose project. */
  services(dir: string, all: boolean): Promise<ServiceList>;
  explain(request: ContextRequest, payload: Payload | null): Promise<Explanation>;
  /** The text of a commented `berth.yaml` for a directory. */
  draft(dir: string): Promise<string>;
  /** Remember that the `berth.yaml` of this directory, as it is now, may start programs; answers its path. */
  trust(dir: string): Promise<string>;
}

export interface Engines {
  /** Every program that enters a box or a machine, within 3 s whatever hangs. */
  probe(): Promise<EngineReport>;
  /** Readers of the local engines that answer. */
  inspectors(): Promise<readonly Inspector[]>;
  /** Why the installed Compose does not load a project, in its own words; null when it does, or cannot be asked. */
  composeRefusal(project: ServiceList['project']): Promise<string | null>;
  containers(): Promise<ContainerControl>;
  /** Remove, or with `dryRun` only find, what this queue started and nobody answers for any more. */
  sweep(dryRun: boolean): Promise<readonly Leftover[]>;
}

/** A container of a task, or of a terminal session, whose berth was killed. */
export interface Leftover {
  readonly engine: 'docker' | 'podman';
  readonly id: string;
  readonly name: string;
  /** Null for that of a session. */
  readonly task: number | null;
  readonly attempt: number | null;
  readonly session: string | null;
  /** The engine's word for it, such as `running`. */
  readonly state: string;
}

/** What people do with containers by hand; see runtimes/start-container.ts for the errors. */
export interface ContainerControl {
  /** Start the program of an image and leave it running. */
  start(wish: ContainerWish): Promise<StartedContainer>;
  /** The same, and pass on what it says until it ends or this process gets a signal. Null: no exit code is known. */
  stay(wish: ContainerWish, write: TakeOutput): Promise<number | null>;
  /** Run a command in a running one; its tree dies with this process. Answers the exit code. */
  exec(wish: {
    readonly container: string;
    readonly argv: readonly string[];
    readonly write: TakeOutput;
  }): Promise<number>;
  /** Whether it ran before. */
  stop(container: string, options: { readonly force: boolean }): Promise<boolean>;
}

export interface ContainerWish {
  readonly image: string;
  readonly name: string | null;
  /** `HOST:CONTAINER[:ro]`; a relative host path starts at `cwd`. */
  readonly volumes: readonly string[];
  /** `[ADDRESS:]HOST:CONTAINER`; without an address only this machine can connect. */
  readonly ports: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: string | null;
  /** In the container. */
  readonly workdir: string | null;
  readonly engineArgs: readonly string[];
  readonly hardened: boolean;
  /** Empty for the image's own program. */
  readonly command: readonly string[];
  /** Null takes the first that answers. */
  readonly engine: 'docker' | 'podman' | null;
  readonly pull: 'never' | 'missing';
  /** Build the image under its name first; null when it is there. */
  readonly build: { readonly context: string; readonly file: string } | null;
  readonly cwd: string;
  /** What the engine says while it pulls or builds. */
  onProgress(text: string): void;
}

export interface StartedContainer {
  readonly engine: 'docker' | 'podman';
  /** Full id. */
  readonly id: string;
}

export type TakeOutput = (stream: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void>;

/** `berth runtimes --json`; each entry may carry more than `Availability`, such as `endpoint` or `flavor`. */
export type EngineReport = Readonly<
  Record<'docker' | 'podman' | 'compose' | 'kubernetes' | 'tmux' | 'ssh', Availability>
>;

/** Run directories, one for each attempt. */
export interface RunReading {
  /** Absolute path. */
  path(directory: string): string;
  /** What a run has written, oldest first, without the supervisor's own lines; with `follow` until the run has ended. */
  output(
    directory: string,
    options: { readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncIterable<OutputChunk>;
  /** What is known of the turn of an agent; nothing for a command. */
  turn(directory: string): Promise<TurnFacts>;
  remove(directories: readonly string[]): Promise<void>;
}

export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

export interface WorkerOptions {
  readonly name: string;
  /** Tasks at a time. */
  readonly slots: number;
  /** Finish what is queued, then exit. */
  readonly drain: boolean;
}

export interface WorkerControl {
  /** Work in the foreground until a signal; answers the exit code. */
  run(options: WorkerOptions): Promise<number>;
  /** Start one in the background and wait until it answers. `started` is false when it was there already. */
  start(
    options: WorkerOptions,
  ): Promise<{ readonly name: string; readonly pid: number; readonly started: boolean }>;
  /** Stop it; `drain` lets running tasks end, otherwise they go on and the next worker takes them over. */
  stop(options: { readonly name: string; readonly drain: boolean }): Promise<{
    readonly name: string;
    readonly pid: number | null;
    readonly stopped: boolean;
  }>;
  /** Tell the worker of this host that something changed; never throws, costs nothing when there is none. */
  nudge(): Promise<void>;
}
