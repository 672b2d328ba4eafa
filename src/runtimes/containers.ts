import { randomUUID } from 'node:crypto';
import { BerthError } from '../core/errors.ts';
import type { ExecResult, Host } from '../core/host.ts';
import type { ContainerFacts, Inspector } from '../core/inspect.ts';
import { type CommandInput, commandWords } from './builders.ts';
import { engineWakes, mustRun } from './container-state.ts';
import { callEngine, type EngineName, refused } from './engine-cli.ts';
import { enterContainer } from './enter.ts';
import { execFailure } from './exec-failure.ts';
import { cliInspector } from './inspector.ts';
import { checkContainerName, checkImageName } from './names.ts';
import { remove } from './owned.ts';
import { pullImage } from './pull.ts';
import { parseMount, parsePort, runArguments, type StartCommand } from './run-arguments.ts';
import { START_TIMEOUT_MS, startFailure } from './start-failure.ts';

/** A container that a person asked for: it stays until it is stopped, and no sweep takes it. */
export const KEPT_LABEL = 'dev.berth.kept';

export interface RunningContainer extends ContainerFacts {
  readonly engine: EngineName;
}

/**
 * Running containers of every local engine that answers.
 *
 * @param image  only those made from it, from an image derived from it, or named like it
 * @throws       {BerthError} `RUNTIME_UNAVAILABLE` when no engine answers
 */
export async function getRunningContainers(
  host: Host,
  image: string | null = null,
): Promise<readonly RunningContainer[]> {
  const inspectors = await someInspectors(host);
  const found = await Promise.all(
    inspectors.map(async (inspector) =>
      (await inspector.running(image)).map((facts) => ({ ...facts, engine: inspector.engine })),
    ),
  );
  return found.flat();
}

/** Readers of the local engines that answer within 2 s; a `docker` that is podman is not counted twice. */
export async function answeringInspectors(host: Host): Promise<readonly Inspector[]> {
  const [docker, podman, version] = await Promise.all([
    answers(host, 'docker'),
    answers(host, 'podman'),
    host.exec({ argv: ['docker', '--version'], cwd: null, env: {} }, { timeoutMs: 2_000 }),
  ]);
  const engines: EngineName[] = [];
  if (docker && !(podman && /podman/i.test(version.stdout))) engines.push('docker');
  if (podman) engines.push('podman');
  return engines.map((engine) => cliInspector(host, engine));
}

export interface StartOptions {
  readonly image: string;
  readonly name?: string;
  /** Host path (or volume name) to container path, which may end in `:ro`. */
  readonly volumes?: Readonly<Record<string, string>>;
  readonly envVars?: Readonly<Record<string, string>>;
  /** Host port, with an address in front if need be, to container port; without one only this machine connects. */
  readonly ports?: Readonly<Record<string, string | number>>;
  /** False waits for the end of its program. Default true. */
  readonly detach?: boolean;
  readonly command?: CommandInput;
  readonly workingDir?: string;
  readonly dockerArgs?: readonly string[];
  readonly hardened?: boolean;
  /** The first that answers, when left out. */
  readonly engine?: EngineName;
  /** `missing` pulls an image that is not there. Default `never`. */
  readonly pull?: 'never' | 'missing';
  /** What the engine says while it pulls. */
  readonly onProgress?: (text: string) => void;
}

/**
 * Start the program of an image and leave it running.
 *
 * @returns  the full id
 * @throws   {BerthError} `IMAGE_MISSING`, `PORT_TAKEN`, `NAME_TAKEN`, `FILE_NOT_FOUND`, `RUNTIME_UNAVAILABLE`
 */
export async function startContainer(host: Host, options: StartOptions): Promise<string> {
  checkImageName(options.image);
  if (options.name !== undefined) checkContainerName(options.name);
  const engine = options.engine ?? (await someInspectors(host))[0]?.engine ?? 'docker';
  const mark = randomUUID();
  const { argv, env } = startCommand(engine, options, mark);
  const inspector = cliInspector(host, engine);
  if (options.pull === 'missing' && (await inspector.image(options.image)) === null) {
    await pullImage(host, engine, { image: options.image, onProgress: options.onProgress ?? (() => {}) });
  }
  const result = await callEngine(host, argv, { timeoutMs: START_TIMEOUT_MS, env });
  if (result.exitCode !== 0) {
    // a failed `run` leaves a container in state Created
    for (const corpse of await inspector.byLabels({ [KEPT_LABEL]: mark }))
      await remove(host, engine, corpse.id);
    throw await startFailure(host, engine, { image: options.image, result });
  }
  const id = result.stdout.trim().split('\n').at(-1) ?? '';
  if (options.detach === false) await callEngine(host, [engine, 'wait', id], { timeoutMs: FOR_EVER_MS });
  return id;
}

/**
 * Run a command in a running container to its end, without standard input.
 *
 * @param container  name or id, of any local engine
 * @throws           {BerthError} `CONTAINER_NOT_FOUND`, `CONTAINER_NOT_RUNNING` and the other states,
 *                   `PROGRAM_NOT_FOUND` and other reasons for which nothing ran
 */
export async function executeInContainer(
  host: Host,
  container: string,
  command: CommandInput,
): Promise<{ readonly stdout: string; readonly stderr: string; readonly exitCode: number }> {
  const { engine, id, name, ...facts } = await find(host, container);
  mustRun({ ...facts, id, name }, engineWakes(engine, name));
  const inner = { argv: commandWords(command), cwd: null, env: {} };
  const entered = enterContainer({ engine, id, user: null }, inner, { stdin: false, tty: false });
  const result = await host.exec(entered, { timeoutMs: FOR_EVER_MS });
  const failure = execFailure(engine, name, result);
  if (failure !== null) throw failure;
  return { stdout: result.stdout, stderr: result.stderr, exitCode: exitCodeOf(engine, result) };
}

/**
 * Stop a container: TERM, and KILL after 10 s; with `force` KILL at once. One that berth started is also removed.
 *
 * @returns  whether it ran before, and is stopped now
 * @throws   {BerthError} `CONTAINER_NOT_FOUND`
 */
export async function stopContainer(
  host: Host,
  container: string,
  options: { readonly force?: boolean } = {},
): Promise<boolean> {
  const { engine, id, state, labels, name } = await find(host, container);
  const runs = state === 'running' || state === 'paused' || state === 'restarting';
  if (runs) {
    const how = options.force ? ['kill'] : ['stop', '-t', '10'];
    const result = await callEngine(host, [engine, ...how, id], { timeoutMs: START_TIMEOUT_MS });
    if (result.exitCode !== 0) throw refused(engine, `stop ${name}`, result);
  }
  if (KEPT_LABEL in labels) await remove(host, engine, id);
  return runs;
}

/** The longest that a timer of Node's can wait: 24 days. */
const FOR_EVER_MS = 2 ** 31 - 1;

async function answers(host: Host, engine: EngineName): Promise<boolean> {
  try {
    // the cheapest question that needs the engine
    await cliInspector(host, engine, 2_000).byLabels({ 'dev.berth.nothing-carries-this': '' });
    return true;
  } catch {
    return false;
  }
}

async function someInspectors(host: Host): Promise<readonly Inspector[]> {
  const inspectors = await answeringInspectors(host);
  if (inspectors.length > 0) return inspectors;
  throw new BerthError('Neither docker nor podman answers on this machine.', {
    code: 'RUNTIME_UNAVAILABLE',
    hint: '`berth runtimes` shows why, and what mends it.',
  });
}

async function find(host: Host, container: string): Promise<RunningContainer> {
  checkContainerName(container);
  for (const inspector of await someInspectors(host)) {
    const facts = await inspector.container(container);
    if (facts !== null) return { ...facts, engine: inspector.engine };
  }
  throw new BerthError(`No local engine has a container ${container}.`, {
    code: 'CONTAINER_NOT_FOUND',
    hint: '`berth containers` lists those that run.',
  });
}

function startCommand(engine: EngineName, options: StartOptions, mark: string): StartCommand {
  return runArguments(engine, {
    name: options.name ?? null,
    image: options.image,
    labels: { [KEPT_LABEL]: mark },
    mounts: Object.entries(options.volumes ?? {}).map(([from, to]) =>
      parseMount(`${from}:${to}`, process.cwd()),
    ),
    ports: Object.entries(options.ports ?? {}).map(([outside, inside]) => parsePort(`${outside}:${inside}`)),
    runAs: null,
    hardened: options.hardened ?? false,
    engineArgs: options.dockerArgs ?? [],
    env: options.envVars ?? {},
    workdir: options.workingDir ?? null,
    entrypoint: null,
    command: options.command === undefined ? [] : commandWords(options.command),
  });
}

function exitCodeOf(engine: EngineName, { exitCode, failure }: ExecResult): number {
  if (exitCode !== null) return exitCode;
  throw new BerthError(`The ${engine} client ended without an exit code (${failure}).`, {
    code: 'ENGINE_ERROR',
    hint: 'The command may still run in the container; look with `berth containers`.',
  });
}
