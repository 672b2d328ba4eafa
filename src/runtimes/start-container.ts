import { randomUUID } from 'node:crypto';
import type { ContainerStart } from '../core/context.ts';
import type { Host } from '../core/host.ts';
import { type OutputTaker, pump } from '../core/supervised.ts';
import { type CommandInput, commandWords } from './builders.ts';
import { someInspectors } from './containers.ts';
import { callEngine, type EngineName, engineCommand } from './engine-cli.ts';
import { buildImage, pullImage } from './images.ts';
import { cliInspector } from './inspector.ts';
import { checkContainerName, checkImageName } from './names.ts';
import { KEPT_LABEL, remove } from './owned.ts';
import { IN_BACKGROUND, parseMount, parsePort, runArguments } from './run-arguments.ts';
import { START_TIMEOUT_MS, startFailure } from './start-failure.ts';

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
  /** Build the image under its name first; both paths absolute. */
  readonly build?: ContainerStart['build'];
  /** What the engine says while it pulls or builds. */
  readonly onProgress?: (text: string) => void;
}

/**
 * Start the program of an image and leave it running.
 *
 * @returns  the full id
 * @throws   {BerthError} `IMAGE_MISSING`, `PORT_TAKEN`, `NAME_TAKEN`, `FILE_NOT_FOUND`, `RUNTIME_UNAVAILABLE`
 */
export async function startContainer(host: Host, options: StartOptions): Promise<string> {
  const { image, name, workingDir, engine, pull, build, onProgress } = options;
  const started = await startKept(host, {
    image,
    name: name ?? null,
    volumes: pairs(options.volumes),
    ports: pairs(options.ports),
    env: options.envVars ?? {},
    user: null,
    workdir: workingDir ?? null,
    engineArgs: options.dockerArgs ?? [],
    hardened: options.hardened ?? false,
    command: options.command === undefined ? [] : commandWords(options.command),
    engine: engine ?? null,
    pull: pull ?? 'never',
    build: build ?? null,
    cwd: process.cwd(),
    onProgress: onProgress ?? (() => {}),
  });
  if (options.detach === false) await waitFor(host, started.engine, started.id);
  return started.id;
}

export interface ContainerWish {
  readonly image: string;
  readonly name: string | null;
  /** `HOST:CONTAINER[:ro]`; a relative host path starts at `cwd`. */
  readonly volumes: readonly string[];
  /** `[ADDRESS:]HOST:CONTAINER`. */
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
  readonly engine: EngineName | null;
  readonly pull: 'never' | 'missing';
  /** Build the image under its name first; null when it is there. */
  readonly build: ContainerStart['build'];
  readonly cwd: string;
  onProgress(text: string): void;
}

export interface StartedContainer {
  readonly engine: EngineName;
  readonly id: string;
}

/** As `startContainer`, with everything said; nothing is left of one that could not start. */
export async function startKept(host: Host, wish: ContainerWish): Promise<StartedContainer> {
  const { image, name, onProgress } = wish;
  checkImageName(image);
  if (name !== null) checkContainerName(name);
  const engine = wish.engine ?? (await someInspectors(host))[0]?.engine ?? 'docker';
  const mark = randomUUID();
  const { argv, env } = runArguments(engine, {
    ...wish,
    verb: IN_BACKGROUND,
    labels: { [KEPT_LABEL]: mark },
    mounts: wish.volumes.map((volume) => parseMount(volume, wish.cwd)),
    ports: wish.ports.map(parsePort),
    runAs: wish.user === null ? null : { user: wish.user, home: null, keepId: false },
    entrypoint: null,
  });
  const inspector = cliInspector(host, engine);
  if (wish.build !== null) await buildImage(host, engine, { image, build: wish.build, onProgress });
  else if (wish.pull === 'missing' && (await inspector.image(image)) === null) {
    await pullImage(host, engine, { image, onProgress });
  }
  const result = await callEngine(host, argv, { timeoutMs: START_TIMEOUT_MS, env });
  if (result.exitCode !== 0) {
    // a failed `run` leaves a container in state Created
    for (const corpse of await inspector.byLabels({ [KEPT_LABEL]: mark }))
      await remove(host, engine, corpse.id);
    throw await startFailure(host, engine, { image, result });
  }
  return { engine, id: result.stdout.trim().split('\n').at(-1) ?? '' };
}

export interface Stay {
  readonly write: OutputTaker['write'];
  /** Aborted: stop it. */
  readonly signal: AbortSignal;
}

/**
 * Pass on what a container's program says until it ends, and remove the container.
 *
 * @returns  its exit code; null when the engine does not tell
 */
export async function stayWith(
  host: Host,
  { engine, id }: StartedContainer,
  stay: Stay,
): Promise<number | null> {
  const stop = () => void callEngine(host, [engine, 'stop', '-t', '10', id], { timeoutMs: START_TIMEOUT_MS });
  stay.signal.addEventListener('abort', stop, { once: true });
  if (stay.signal.aborted) stop();
  try {
    const streams = { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', detached: true } as const;
    const logs = host.spawn(engineCommand([engine, 'logs', '--follow', id]), streams);
    await Promise.all([
      logs.ended,
      pump(logs.stdout, (bytes) => stay.write('stdout', bytes)),
      pump(logs.stderr, (bytes) => stay.write('stderr', bytes)),
    ]);
    return await waitFor(host, engine, id);
  } finally {
    await remove(host, engine, id);
  }
}

/** The longest that a timer of Node's can wait: 24 days. */
const FOR_EVER_MS = 2 ** 31 - 1;

async function waitFor(host: Host, engine: EngineName, id: string): Promise<number | null> {
  const { stdout } = await callEngine(host, [engine, 'wait', id], { timeoutMs: FOR_EVER_MS });
  return /^\d+\s*$/.test(stdout) ? Number(stdout) : null;
}

function pairs(record: Readonly<Record<string, string | number>> = {}): readonly string[] {
  return Object.entries(record).map(([outside, inside]) => `${outside}:${inside}`);
}
