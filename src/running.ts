import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deps, ForegroundWatcher, WorkerControl, WorkerOptions } from './actions/deps.ts';
import type { Clusters } from './clusters.ts';
import { excludedSessions, loadSettings } from './config.ts';
import type { World } from './contexts/resolve/world.ts';
import { BerthError, messageOf } from './core/errors.ts';
import type { Host } from './core/host.ts';
import { parseSecretReference } from './core/secret.ts';
import type { Store } from './core/store.ts';
import { forgetGoneSessions, type Terminals } from './core/terminal.ts';
import { notifying } from './notify.ts';
import { queueId } from './queue-id.ts';
import { endEmptyServer, terminalsOf } from './terminals.ts';
import type { LogEvent, RunDeps } from './worker/deps.ts';
import type { ForegroundStreams } from './worker/foreground-deps.ts';

export interface RunningMachine {
  readonly host: Host;
  readonly home: string;
  readonly runs: string;
  readonly self: readonly string[];
  readonly kubernetes: Clusters;
  readonly env: Readonly<Record<string, string | undefined>>;
  store(): Promise<Store>;
  world(dryRun: boolean): Promise<World>;
}

/** What starts tasks: the worker and the foreground. */
export function runningParts(machine: RunningMachine): {
  worker: WorkerControl;
  foreground: Deps['foreground'];
  terminals: Terminals;
} {
  return {
    worker: workerControl(machine),
    foreground: foregroundOf(machine),
    terminals: terminalsOf({ ...machine, parts: () => runDeps(machine, () => {}) }),
  };
}

function foregroundOf(machine: RunningMachine): Deps['foreground'] {
  return async (spec, watcher) => {
    const { output } = watcher;
    const streams = { ...watcher, output: output && takingPieces(output) };
    const [{ headStart }, { clientStreams }, parts] = await Promise.all([
      import('./worker/head-start.ts'),
      import('./worker/foreground-deps.ts'),
      placeParts(machine),
    ]);
    const head = headStart(parts, spec.context, clientStreams(streams));
    try {
      await head.begun;
      const { runInForeground } = await import('./worker/foreground.ts');
      const deps = await runDeps(machine, () => {}, parts);
      const here = { ...deps, head, runs: machine.runs, onSignal, output: followed(machine.runs) };
      return await runInForeground(here, spec, streams);
    } finally {
      head.abandon();
    }
  };
}

function takingPieces(output: NonNullable<ForegroundWatcher['output']>): ForegroundStreams['output'] {
  return (stream, bytes) => output({ stream, bytes });
}

function followed(runs: string) {
  return async function* (directory: string, signal: AbortSignal) {
    const { readOutput } = await import('./executors/output.ts');
    yield* readOutput(runs, directory, { follow: true, signal });
  };
}

/** Signals that ask this process to end; while somebody listens they do not end it. */
function onSignal(listener: (signal: NodeJS.Signals) => void): () => void {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, listener);
  return () => {
    for (const name of names) process.off(name, listener);
  };
}

function workerControl(machine: RunningMachine): WorkerControl {
  const { home, host, self } = machine;
  const nameOf = ({ name }: Pick<WorkerOptions, 'name'>) => name ?? host.name;
  const background = async () => ({ store: await machine.store(), host, home, self });
  return {
    run: (options) => work(machine, options),
    start: async (options) => {
      const { startInBackground } = await import('./worker/background.ts');
      await makeHome(home);
      const wish = { name: nameOf(options), slots: options.slots ?? DEFAULT_SLOTS, drain: options.drain };
      return startInBackground(await background(), wish);
    },
    stop: async (options) => {
      const { stopInBackground } = await import('./worker/background.ts');
      const answer = await stopInBackground(await background(), {
        name: nameOf(options),
        drain: options.drain,
      });
      await endEmptyServer(machine);
      return answer;
    },
    nudge: async () => (await import('./worker/nudge.ts')).nudgeWorkers(home),
  };
}

const DEFAULT_SLOTS = 4;

/** In the foreground: SIGTERM and SIGINT let go of everything, SIGUSR2 empties the queue first. */
async function work(machine: RunningMachine, options: WorkerOptions): Promise<number> {
  const { runWorker } = await import('./worker/worker.ts');
  const stop = new AbortController();
  const drain = new AbortController();
  const onStop = () => stop.abort();
  const onDrain = () => drain.abort();
  if (options.drain) drain.abort();
  process.on('SIGTERM', onStop).on('SIGINT', onStop).on('SIGUSR2', onDrain);
  const settings = {
    name: options.name ?? machine.host.name,
    slots: options.slots ?? DEFAULT_SLOTS,
    home: machine.home,
    drain: drain.signal,
  };
  try {
    const [{ agentRunsOf }, { terminalRunsOf }] = await Promise.all([
      import('./agent-runs.ts'),
      import('./terminal-runs.ts'),
    ]);
    const agents = agentRunsOf(machine.host, machine.runs);
    const { notify } = await loadSettings(machine.env, null);
    const log = notifying(machine.host, notify.value, logLine);
    const terminals = terminalRunsOf({ ...machine, log, exclude: await excludedSessions(machine.env) });
    try {
      const deps = await runDeps(machine, log);
      void tidyUp(machine, log);
      // before the first match: one that is kept out takes no task
      await forgetGoneSessions(deps.store, terminals, machine.host.name);
      const { containerWatch } = await import('./runtimes/container-watch.ts');
      using containers = containerWatch({ ...deps, log });
      await runWorker({ ...deps, terminals, agents, containers }, settings, stop.signal);
    } finally {
      await terminals.close();
      await endEmptyServer(machine);
    }
    return 0;
  } finally {
    process.off('SIGTERM', onStop).off('SIGINT', onStop).off('SIGUSR2', onDrain);
  }
}

/** What killed processes left, at every start of a worker; an engine in trouble is no reason not to work. */
async function tidyUp(machine: RunningMachine, log: (event: LogEvent) => void): Promise<void> {
  try {
    const { sweep } = await import('./sweeping.ts');
    for (const { name, task, attempt } of await sweep(machine, false))
      log({
        event: 'container_removed',
        ...(task !== null && attempt !== null && { task, attempt }),
        message: name,
      });
  } catch (error) {
    log({ event: 'sweep_failed', message: messageOf(error) });
  }
}

type PlaceParts = Pick<RunDeps, 'host' | 'runtime' | 'resolve'>;

/** What finds and enters places; no queue is opened for it. */
async function placeParts({ home, host, kubernetes, world }: RunningMachine): Promise<PlaceParts> {
  const [{ bareRuntime }, { ociRuntime }, { composeRuntime }, { kubernetesRuntime }] = await Promise.all([
    import('./runtimes/bare.ts'),
    import('./runtimes/oci.ts'),
    import('./runtimes/compose.ts'),
    import('./runtimes/kubernetes.ts'),
  ]);
  const { resolveContext } = await import('./contexts/resolve.ts');
  const runtimes = {
    bare: bareRuntime(),
    docker: ociRuntime('docker', () => queueId(home, 'made')),
    podman: ociRuntime('podman', () => queueId(home, 'made')),
    compose: composeRuntime(),
    kubernetes: kubernetesRuntime(kubernetes.apiOf),
  };
  const seen = await world(false);
  return {
    host,
    runtime: (kind) => runtimes[kind],
    resolve: (request) => resolveContext(request, seen),
  };
}

async function runDeps(
  machine: RunningMachine,
  log: (event: LogEvent) => void,
  parts?: PlaceParts,
): Promise<RunDeps> {
  const { host, home, runs, kubernetes } = machine;
  await makeHome(home);
  const [{ headlessExecutor }, { withKubernetes }, { entryFailure }, store] = await Promise.all([
    import('./executors/headless.ts'),
    import('./executors/kubernetes.ts'),
    import('./runtimes/entry-failure.ts'),
    machine.store(),
  ]);
  return {
    ...(parts ?? (await placeParts(machine))),
    store,
    executor: withKubernetes({ host, runs, other: headlessExecutor(host, runs), apiOf: kubernetes.apiOf }),
    reveal: (env) => reveal(home, env),
    entryFailure,
    lastOutputMs: (directory) => lastOutputMs(join(runs, directory)),
    now: Date.now,
    log,
  };
}

/** What runs here needs a state folder here, wherever its queue is. */
async function makeHome(home: string): Promise<void> {
  const { makeStateFolder } = await import('./stores/state-folder.ts');
  makeStateFolder(home);
}

/** When either of a run's logs last grew. */
async function lastOutputMs(directory: string): Promise<number | null> {
  const logs = ['out.log', 'err.log'].map((name) => stat(join(directory, name)).catch(() => null));
  const times = (await Promise.all(logs)).flatMap((log) =>
    log === null || log.size === 0 ? [] : [log.mtimeMs],
  );
  return times.length === 0 ? null : Math.max(...times);
}

/** Put secret values in the place of their references. */
async function reveal(home: string, env: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const revealed = Object.entries(env).map(async ([name, value]): Promise<[string, string]> => {
    const reference = parseSecretReference(value);
    if (reference === null) return [name, value];
    const path = join(home, 'secrets', `${reference.file}.json`);
    const values = JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as Record<string, string>;
    const secret = values[reference.name];
    if (secret !== undefined) return [name, secret];
    throw new BerthError(`The value of ${name} is no longer in ${path}.`, {
      code: 'FILE_NOT_FOUND',
      hint: 'Secret values live outside the database; send the task again.',
    });
  });
  return Object.fromEntries(await Promise.all(revealed));
}

/** The worker's log: one JSON object a line, on stderr. */
function logLine(event: LogEvent): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
}
