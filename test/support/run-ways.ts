import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResolvedContext } from '../../src/core/context.ts';
import type { Host, Spawned } from '../../src/core/host.ts';
import { ownerOf } from '../../src/core/owner.ts';
import type { Store } from '../../src/core/store.ts';
import type { Outcome, TaskSpec } from '../../src/core/task.ts';
import { headlessExecutor } from '../../src/executors/headless.ts';
import { withKubernetes } from '../../src/executors/kubernetes.ts';
import { readProcesses, runFiles } from '../../src/executors/run-directory.ts';
import { ownServer, tmux } from '../../src/executors/tmux/server.ts';
import { localHost } from '../../src/hosts/local.ts';
import { entryFailure } from '../../src/runtimes/entry-failure.ts';
import { openSqliteStore } from '../../src/stores/sqlite.ts';
import type { RunsUnderTest, RunWish, StartedRun } from '../../src/testing/run-contract.ts';
import type { RunDeps } from '../../src/worker/deps.ts';
import { runInForeground } from '../../src/worker/foreground.ts';
import { runTask } from '../../src/worker/run-task.ts';
import { Berth } from './berth.ts';
import { apiOf, processesIn, RUNTIMES } from './box-processes.ts';
import { type Box, call, ODD_NAME } from './boxes.ts';
import { has } from './engines.ts';
import { RunsElsewhere } from './run-elsewhere.ts';
import { openWindows, type Windows } from './windows.ts';

/** In a window of tmux only where there is one. */
export const WAYS: readonly RunsUnderTest['way'][] = [
  'queue',
  'foreground',
  ...(has('tmux') ? ['tmux' as const] : []),
];

/** Whole runs in one box, through the worker's own code, with its resolution already made. */
export async function openRuns(way: RunsUnderTest['way'], box: Box): Promise<RunsUnderTest> {
  const home = await mkdtemp(join(tmpdir(), 'berth-ways-'));
  const runs = join(home, 'runs');
  const store = await openSqliteStore({ directory: home });
  const host = asCaller(localHost(), box);
  const windows = way === 'tmux' ? await openWindows(host, home, runs) : null;
  const deps = { ...depsFor({ box, host, store, runs }), ...(windows && { terminals: windows.terminals }) };
  const berth = new Berth(box.as?.env, box.as);
  const machine: Machine = { box, deps, runs, windows };
  const elsewhere = new RunsElsewhere(berth, box, way);
  if (way !== 'foreground') await takeWorker(machine);
  return {
    way,
    size: sizeOf(way, box),
    start: (wish) => (way === 'foreground' ? startHere(machine, wish) : startQueued(machine, wish)),
    startElsewhere: (wish) => (way === 'foreground' ? elsewhere.run(wish) : elsewhere.send(wish)),
    processes: (text) => processesIn({ box, store, berth }, text),
    leftContainers: async () =>
      box.owned && box.engine
        ? lines(
            await call(
              box.engine,
              'ps',
              '--all',
              '--quiet',
              '--filter',
              `label=dev.berth.owner=${ownerOf(host)}`,
            ),
          )
        : [],
    foreignIsUntouched: unchanged(box, await box.stamp()),
    oddDirectory: `${box.inside}/${ODD_NAME}`,
    ownerOf: async (name) => {
      if (!box.owned && box.container !== null) return null;
      const { uid, gid } = await stat(join(box.project, name));
      return { uid, gid };
    },
    caller: box.caller,
    // a queued run in a pod does not hang on its client
    hasClient: box.engine !== null || (way === 'foreground' && box.container !== null),
    hasUsers: box.container !== null && box.container.runtime !== 'kubernetes',
    close: async () => {
      await store.close();
      if (windows !== null) {
        await windows.close();
        // that of the program's own sessions outlives them
        await tmux(localHost(), ownServer(berth.home), ['kill-server']);
      }
      await berth[Symbol.asyncDispose]();
      await box.close();
      await rm(home, { recursive: true });
    },
  };
}

function sizeOf(way: RunsUnderTest['way'], { container, owned }: Box): RunsUnderTest['size'] {
  // a pod is held by code of its own that has its own tests
  if (container?.runtime === 'kubernetes') return 'some';
  if (!owned && way !== 'tmux') return 'full';
  // no engine differs here, and podman takes minutes for what docker does in one
  const isQuick = container?.runtime === 'docker' && container.engine === 'docker';
  return isQuick && way === (owned ? 'queue' : 'tmux') ? 'rounds' : 'some';
}

interface Machine {
  readonly box: Box;
  readonly deps: RunDeps;
  readonly runs: string;
  readonly windows: Windows | null;
}

const WORKER = 'under-test';
const SLOTS = 24;

async function takeWorker({ deps: { store, host }, windows }: Machine): Promise<void> {
  await store.registerWorker({ name: WORKER, host: 'local', ...host.self }, () => false);
  if (windows !== null) return;
  for (let slot = 1; slot <= SLOTS; slot++) {
    const name = `local/slot-${slot}`;
    await store.putSession({ name, host: 'local', kind: 'headless', provider: null, worker: WORKER });
  }
}

async function startQueued(machine: Machine, wish: RunWish): Promise<StartedRun> {
  const { deps, runs, windows } = machine;
  const target = (await windows?.take(deps.store)) ?? null;
  const { id } = await deps.store.add(specOf(machine, wish, target));
  const [claim] = await deps.store.claim(WORKER, 1);
  if (claim?.task.id !== id) throw new Error(`Task ${id} was not claimed.`);
  const running = runTask(deps, claim, new AbortController().signal);
  const directory = join(runs, claim.attempt.runDirectory);
  const read = (name: string) => readFile(join(directory, name)).catch(() => Buffer.alloc(0));
  return {
    said: async () => (await read('out.log')).toString(),
    cancel: async () => running.stop('cancelled'),
    killClient: async () => kill(readProcesses(runFiles(runs, claim.attempt.runDirectory))?.main?.pid),
    ended: running.done.then(async () => {
      if (target !== null) windows?.giveBack(target);
      return {
        outcome: await outcomeOf(deps.store, id),
        stdout: await read('out.log'),
        stderr: await read('err.log'),
      };
    }),
  };
}

async function startHere(machine: Machine, wish: RunWish): Promise<StartedRun> {
  const { deps, runs } = machine;
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const clients: Spawned[] = [];
  let task = 0;
  const run = runInForeground(
    { ...watched(deps, clients), runs, onSignal: () => () => {}, output: noOutput },
    specOf(machine, wish, null),
    {
      stdin: 'none',
      resolved: () => {},
      output: async (stream, bytes) => void chunks[stream].push(Buffer.from(bytes)),
      started: (id) => {
        task = id;
      },
    },
  );
  return {
    said: async () => Buffer.concat(chunks.stdout).toString(),
    cancel: async () => void (await deps.store.requestStop(task, 'cancelled', 'a test')),
    killClient: async () => clients[0]?.kill('SIGKILL'),
    ended: run.then(({ outcome }) => ({
      outcome,
      stdout: Buffer.concat(chunks.stdout),
      stderr: Buffer.concat(chunks.stderr),
    })),
  };
}

async function* noOutput() {}

function kill(client: number | undefined): void {
  if (client === undefined) throw new Error('Nothing entered the box.');
  process.kill(client, 'SIGKILL');
}

function specOf({ box }: Machine, wish: RunWish, target: string | null): TaskSpec {
  const { payload, dir, env, prereqs, user, timeoutMs } = wish;
  return {
    payload,
    context: {
      host: 'local',
      workdir: dir ?? box.inside,
      env: env ?? {},
      prereqs: prereqs ?? [],
      gitBranch: user ?? null,
      worktree: false,
      venv: { kind: 'off' },
      container: null,
    },
    queue: {
      priority: 5,
      timeoutMs: timeoutMs ?? null,
      idleTimeoutMs: null,
      graceMs: 1000,
      retries: 0,
      onLost: 'hold',
      delayMs: 0,
      key: null,
      group: null,
      after: [],
      target,
      providers: [],
      matchContext: false,
    },
  };
}

interface Parts {
  readonly box: Box;
  readonly host: Host;
  readonly store: Store;
  readonly runs: string;
}

function depsFor({ box, host, store, runs }: Parts): RunDeps {
  return {
    store,
    host,
    executor: withKubernetes({ host, runs, other: headlessExecutor(host, runs), apiOf }),
    runtime: (kind) => RUNTIMES[kind],
    resolve: async ({ workdir, gitBranch, env, prereqs }): Promise<ResolvedContext> => ({
      host: 'local',
      dir: { host: box.project, target: workdir },
      container: box.container,
      // a request has no word for the user of no container; the branch carries it here
      user: gitBranch,
      env,
      toolchain: null,
      git: null,
      prereqs,
      warnings: [],
    }),
    reveal: async (env) => env,
    lastOutputMs: async () => null,
    entryFailure,
    now: Date.now,
    log: () => {},
  };
}

/** A host whose caller has the box's number. */
function asCaller(host: Host, { caller, owned }: Box): Host {
  if (!owned) return host;
  const numbers: Readonly<Record<string, number>> = { '-u': caller.uid, '-g': caller.gid };
  return {
    ...host,
    exec: async (command, options) => {
      const number = command.argv[0] === 'id' ? numbers[command.argv[1] ?? ''] : undefined;
      if (number === undefined) return host.exec(command, options);
      return { exitCode: 0, stdout: `${number}\n`, stderr: '', failure: null };
    },
  };
}

/** Notes the processes that enter the box. */
/** What enters a box from here: a program, or a connection to its engine. */
function watched<D extends Pick<RunDeps, 'host' | 'runtime'>>(deps: D, clients: Spawned[]): D {
  const seen = (client: Spawned): Spawned => {
    clients.push(client);
    return client;
  };
  return {
    ...deps,
    host: { ...deps.host, spawn: (command, options) => seen(deps.host.spawn(command, options)) },
    runtime: (kind) => {
      const runtime = deps.runtime(kind);
      const { open } = runtime;
      if (!open) return runtime;
      return {
        ...runtime,
        open: async (place, argv) => {
          const client = await open(place, argv);
          return client && seen(client);
        },
      };
    },
  };
}

async function outcomeOf(store: Store, id: number): Promise<Outcome> {
  const state = (await store.task(id))?.state;
  if (state?.name === 'finished') return state.outcome;
  throw new Error(`Task ${id} is ${state?.name}, not finished.`);
}

function unchanged(box: Box, before: string | null): () => Promise<boolean> {
  return async () => (await box.stamp()) === before;
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((one) => one !== '');
}
