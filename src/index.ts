import { resolve } from 'node:path';
import type { Deps } from './actions/deps.ts';
import { send } from './actions/send.ts';
import type { TaskRequest } from './actions/task-spec.ts';
import { databaseUrl } from './config.ts';
import type { Explanation } from './contexts/explain.ts';
import type { ServiceRow } from './contexts/services.ts';
import type { ContainerRequest, ContainerType, ContextRequest } from './core/context.ts';
import type { Detection } from './core/detection.ts';
import { BerthError } from './core/errors.ts';
import type { SessionContext } from './core/session.ts';
import type { Added } from './core/store.ts';
import { exitCodeOf, type Outcome, type Payload } from './core/task.ts';
import { localHost } from './hosts/local.ts';
import type { CommandInput } from './runtimes/builders.ts';
import * as containers from './runtimes/containers.ts';
import * as execution from './runtimes/exec-container.ts';
import { detectAvailableRuntimes as availableRuntimes } from './runtimes/probe.ts';
import * as starting from './runtimes/start-container.ts';
import { wire } from './wiring.ts';

export { BerthError } from './core/errors.ts';
export {
  buildDockerComposeExecCmd,
  buildDockerRunCmd,
  buildKubectlExecCmd,
  buildPodmanExecCmd,
  buildPodmanRunCmd,
} from './runtimes/builders.ts';
export type { ContainerType, Detection, Explanation, Outcome, ServiceRow, SessionContext };

/** Where and how a task runs; the names of the command line in camel case. */
export interface TaskOptions {
  /** Default: the current directory. */
  readonly workingDir?: string;
  /** Use the project's container if it has one. */
  readonly useContainer?: boolean;
  readonly containerImage?: string;
  readonly containerType?: ContainerType | 'compose' | 'k8s';
  readonly containerService?: string;
  /** A running container, by name or id. */
  readonly container?: string;
  /** Host path to container path. */
  readonly containerVolumes?: Readonly<Record<string, string>>;
  /** Host port to container port. */
  readonly containerPorts?: Readonly<Record<string, string>>;
  /** Only in a new container without capabilities and network, with a read-only root. */
  readonly hardened?: boolean;
  /** Build the image first, from the project's build file. */
  readonly build?: boolean;
  readonly allowHost?: boolean;
  readonly start?: boolean;
  readonly envVars?: Readonly<Record<string, string>>;
  readonly prerequisites?: readonly string[];
  readonly gitBranch?: string;
  readonly autoVenv?: boolean;
  /** 0 to 10. */
  readonly priority?: number;
  readonly timeoutMs?: number;
  readonly retries?: number;
  /** Idempotency key. */
  readonly key?: string;
}

/** Detect the container context of a directory from its files; nothing runs. */
export async function detectContainerContext(dir: string): Promise<Detection> {
  return (await machine()).contexts.detect(resolve(dir));
}

export function detectAvailableRuntimes(): Promise<{
  docker: boolean;
  podman: boolean;
  kubernetes: boolean;
}> {
  return availableRuntimes(localHost());
}

/** Names of the Compose services of a directory, without those that a profile switches on. */
export async function getDockerComposeServices(dir: string): Promise<readonly string[]> {
  const { services } = await (await machine()).contexts.services(resolve(dir), false);
  return services.map(({ name }) => name);
}

export function getRunningContainers(imageFilter?: string): Promise<readonly containers.RunningContainer[]> {
  return containers.getRunningContainers(localHost(), imageFilter ?? null);
}

/** @returns the container's id */
export function startContainer(options: starting.StartOptions): Promise<string> {
  return starting.startContainer(localHost(), options);
}

export function executeInContainer(id: string, command: CommandInput) {
  return execution.executeInContainer(localHost(), id, command);
}

/** @returns whether it was running and is stopped now */
export function stopContainer(id: string, options: { readonly force?: boolean } = {}): Promise<boolean> {
  return containers.stopContainer(localHost(), id, options);
}

/** Queue a command line. Resolves when it is on disk. */
export async function sendPrompt(task: TaskOptions & { readonly content: string }): Promise<Added> {
  return withMachine((deps) => send(deps, requestOf(task, { kind: 'line', line: task.content })));
}

/** Run a command now, with this process's stdout and stderr, and wait for its end. */
export async function run(
  command: CommandInput,
  options: TaskOptions = {},
): Promise<{ readonly id: number; readonly outcome: Outcome; readonly exitCode: number }> {
  const { runNow } = await import('./actions/foreground.ts');
  return withMachine(async (deps) => {
    const { id, outcome } = await runNow(deps, requestOf(options, payloadOf(command)), {
      stdin: 'none',
      started: () => {},
      resolved: () => {},
      output: null,
    });
    return { id, outcome, exitCode: exitCodeOf(outcome) };
  });
}

/** Where a task would run, and why; nothing runs. */
export async function explain(
  options: TaskOptions & { readonly command?: CommandInput },
): Promise<Explanation> {
  const payload = options.command === undefined ? null : payloadOf(options.command);
  return (await machine()).contexts.explain(contextOf(options), payload);
}

/** What is known of the place that a session was last in; null when there is no such session. */
export function getSessionContext(name: string): Promise<SessionContext | null> {
  return withMachine(async (deps) => {
    const sessions = await (await deps.store()).sessions();
    return sessions.find((session) => session.name === name)?.context ?? null;
  });
}

/** @returns false when there is no such session */
export function updateSessionContext(name: string, facts: Partial<SessionContext>): Promise<boolean> {
  return withMachine(async (deps) => (await deps.store()).updateSession(name, facts));
}

async function machine(): Promise<Deps> {
  const { env, execPath } = process;
  const database = await databaseUrl(env);
  return wire({ env, cwd: process.cwd(), self: [execPath, '--', program()], database });
}

/** The command line program beside this library. */
function program(): string {
  return new URL('berth.js', import.meta.url).pathname;
}

/** One call, one store: nothing stays open behind the caller's back. */
async function withMachine<T>(use: (deps: Deps) => Promise<T>): Promise<T> {
  const deps = await machine();
  try {
    return await use(deps);
  } finally {
    await (await deps.store()).close();
  }
}

function payloadOf(command: CommandInput): Payload {
  return typeof command === 'string' ? { kind: 'line', line: command } : { kind: 'argv', argv: command };
}

function requestOf(options: TaskOptions, payload: Payload): TaskRequest {
  const { priority, timeoutMs, retries, key } = options;
  const queue = Object.entries({ priority, timeoutMs, retries, key }).filter(
    ([, value]) => value !== undefined,
  );
  return { payload, context: contextOf(options), queue: Object.fromEntries(queue) };
}

function contextOf(options: TaskOptions): ContextRequest {
  return {
    host: 'local',
    workdir: resolve(options.workingDir ?? '.'),
    env: options.envVars ?? {},
    prereqs: options.prerequisites ?? [],
    gitBranch: options.gitBranch ?? null,
    worktree: false,
    venv: options.autoVenv ? { kind: 'auto' } : { kind: 'off' },
    container: containerOf(options),
  };
}

function containerOf(options: TaskOptions): ContainerRequest | null {
  const { containerImage, containerService, container, containerType } = options;
  const explicit = [containerImage, containerService, container, containerType].some(
    (value) => value !== undefined,
  );
  const hardened = options.hardened === true;
  if (!explicit && !hardened && !options.useContainer) return null;
  return {
    mode: explicit || hardened ? 'explicit' : 'auto',
    type: typeOf(containerType),
    image: containerImage ?? null,
    service: containerService ?? null,
    name: container ?? null,
    kubernetes: null,
    volumes: pairs(options.containerVolumes),
    ports: pairs(options.containerPorts),
    user: null,
    engineArgs: [],
    hardened,
    allowHost: options.allowHost ?? false,
    start: options.start ?? false,
    build: options.build ?? false,
  };
}

function typeOf(type: TaskOptions['containerType']): ContainerType | null {
  if (type === 'compose') return 'docker_compose';
  if (type === 'k8s') return 'kubernetes';
  if (type === undefined) return null;
  if (['docker', 'docker_compose', 'podman', 'kubernetes', 'devcontainer'].includes(type)) return type;
  throw new BerthError(`There is no container type ${JSON.stringify(type)}.`, {
    code: 'INVALID_VALUE',
    hint: 'Use docker, docker_compose, podman, kubernetes or devcontainer.',
  });
}

function pairs(record: Readonly<Record<string, string>> = {}): readonly string[] {
  return Object.entries(record).map(([key, value]) => `${key}:${value}`);
}
