import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResolvedContext } from '../../src/core/context.ts';
import { BerthError } from '../../src/core/errors.ts';
import type { Host } from '../../src/core/host.ts';
import { ownerOf } from '../../src/core/owner.ts';
import type { Store } from '../../src/core/store.ts';
import type { Outcome, Task, TaskSpec } from '../../src/core/task.ts';
import { headlessExecutor } from '../../src/executors/headless.ts';
import { withKubernetes } from '../../src/executors/kubernetes.ts';
import { readProcesses, runFiles } from '../../src/executors/run-directory.ts';
import { ownServer, tmux } from '../../src/executors/tmux/server.ts';
import { localHost } from '../../src/hosts/local.ts';
import { bareRuntime } from '../../src/runtimes/bare.ts';
import { composeRuntime } from '../../src/runtimes/compose.ts';
import { entryFailure } from '../../src/runtimes/entry-failure.ts';
import { kubeApis } from '../../src/runtimes/kubernetes/api.ts';
import { kubernetesRuntime } from '../../src/runtimes/kubernetes.ts';
import { ociRuntime } from '../../src/runtimes/oci.ts';
import { openSqliteStore } from '../../src/stores/sqlite.ts';
import type { RunsUnderTest, RunWish, StartedRun } from '../../src/testing/run-contract.ts';
import type { RunDeps } from '../../src/worker/deps.ts';
import { runInForeground } from '../../src/worker/foreground.ts';
import { runTask } from '../../src/worker/run-task.ts';
import { Berth } from './berth.ts';
import { type Box, call, ODD_NAME } from './boxes.ts';
import { has } from './engines.ts';
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
  const machine: Machine = { box, deps, runs, berth, windows };
  if (way !== 'foreground') await takeWorker(machine);
  return {
    way,
    isCheap: !box.owned && box.container?.runtime !== 'kubernetes',
    start: (wish) => (way === 'foreground' ? startHere(machine, wish) : startQueued(machine, wish)),
    startElsewhere: (wish) => (way === 'foreground' ? byRun(machine, wish) : byWorker(machine, wish)),
    processes: (text) => processesIn(machine, text),
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

interface Machine {
  readonly box: Box;
  readonly deps: RunDeps;
  readonly runs: string;
  readonly berth: Berth;
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
  const clients: number[] = [];
  let task = 0;
  const run = runInForeground(
    { ...deps, host: watched(deps.host, clients), runs, onSignal: () => () => {}, output: noOutput },
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
    killClient: async () => kill(clients[0]),
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

/** `berth run` as a process. */
async function byRun({ berth, box }: Machine, wish: Pick<RunWish, 'payload' | 'env'>) {
  const mark = wish.env?.MARK_OF_TEST ?? '';
  const child = berth.start(['run', ...box.options, ...variables(wish), '--', ...words(wish)]);
  const said: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  return {
    said: async () => Buffer.concat(said).toString(),
    kill: async () => void child.kill('SIGKILL'),
    afterwards: async () => {
      const rows: { id: number; content: string }[] = await berth.json(['list']);
      const id = rows.find(({ content }) => content.includes(mark))?.id ?? 0;
      await berth.up();
      return endOf(berth, id);
    },
  };
}

/** A task of a worker in the background. */
async function byWorker({ berth, box, windows }: Machine, wish: Pick<RunWish, 'payload' | 'env'>) {
  const pid = await berth.up();
  const name = `session-${randomBytes(4).toString('hex')}`;
  const target = windows === null ? [] : ['--target', name];
  if (windows !== null) await berth.run(['session', 'new', name]);
  const sent = ['send', ...target, ...box.options, ...variables(wish), '--', ...words(wish)];
  const { id } = await berth.json(sent);
  const output = join(berth.home, 'runs', `${id}-1`, 'out.log');
  return {
    said: () => readFile(output, 'utf8').catch(() => ''),
    kill: async () => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // another round has done it
      }
    },
    afterwards: async () => {
      await berth.up();
      const result = await endOf(berth, id);
      if (windows !== null) await berth.run(['session', 'rm', name]);
      return result;
    },
  };
}

async function endOf(berth: Berth, id: number) {
  await berth.run(['wait', String(id)]);
  const view = await berth.json(['show', String(id)]);
  const { stdout, stderr } = await berth.run(['logs', String(id)]);
  const outcome = { kind: view.outcome, exitCode: view.exit_code, cause: view.cause } as unknown as Outcome;
  return { outcome, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr) };
}

function variables({ env = {} }: Pick<RunWish, 'env'>): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
}

function words({ payload }: Pick<RunWish, 'payload'>): readonly string[] {
  if (payload.kind === 'argv') return payload.argv;
  return ['sh', '-c', payload.kind === 'line' ? payload.line : payload.text];
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

const apis = kubeApis(localHost());
const apiOf = async (context: string) => apis(context);

const RUNTIMES = {
  bare: bareRuntime(),
  docker: ociRuntime('docker'),
  podman: ociRuntime('podman'),
  compose: composeRuntime(),
  kubernetes: kubernetesRuntime(apiOf),
};

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
function watched(host: Host, clients: number[]): Host {
  return {
    ...host,
    spawn: (command, options) => {
      const spawned = host.spawn(command, options);
      clients.push(spawned.pid);
      return spawned;
    },
  };
}

async function processesIn({ box, deps, berth }: Machine, text: string): Promise<readonly string[]> {
  if (!box.owned) return processesWith(box, text);
  const found = (await enteredIn(deps, berth)).map((container) => processesWith({ ...box, container }, text));
  return (await Promise.all(found)).flat();
}

/** Command lines of the processes in a box that carry a text in their arguments or variables; none once it is gone. */
export async function processesWith({ container }: Box, text: string): Promise<readonly string[]> {
  // the pattern must not find the search itself
  const pattern = `[${text[0]}]${text.slice(1)}`;
  const search = `for p in $(grep -ls '${pattern}' /proc/[0-9]*/cmdline /proc/[0-9]*/environ); do tr '\\0' ' ' <"\${p%/*}/cmdline"; echo; done; :`;
  const host = localHost();
  const runtime = RUNTIMES[container?.runtime ?? 'bare'];
  const scope = { task: 0, attempt: 0, owner: 'nobody', workdir: container?.compose?.dir ?? '/' };
  try {
    const place = { ...(await runtime.prepare(host, container, scope)), user: '0' };
    const entered = runtime.enter(place, { argv: ['sh', '-c', search], cwd: null, env: {} }, NO_STREAMS);
    return lines((await host.exec(entered, { timeoutMs: 20_000 })).stdout.trim());
  } catch (error) {
    if (error instanceof BerthError && /^CONTAINER_NOT_(FOUND|RUNNING)$/.test(error.code)) return [];
    throw error;
  }
}

const NO_STREAMS = { stdin: false, tty: false };

/** The containers that tasks were put in, ours and those of the program. */
async function enteredIn({ store }: RunDeps, berth: Berth) {
  const tasks: readonly Task[] = await store.tasks({ limit: 10 });
  const elsewhere = await berth.json(['list']).catch(() => []);
  const views = await Promise.all(
    elsewhere.map(({ id }: { id: number }) => berth.json(['show', String(id)])),
  );
  const all = [...tasks.map((task) => task.attempts.at(-1)?.context), ...views.map((view) => view.context)];
  const containers = all.flatMap((context) => (context?.container?.id ? [context.container] : []));
  return [...new Map(containers.map((one) => [one.id, one])).values()];
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
