// A Compose project that runs: what berth adds to the engine's own commands. Needs Docker and Compose.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { send } from '../src/actions/send.ts';
import type { ContainerRequest } from '../src/core/context.ts';
import { Doorbell } from './support/doorbell.ts';
import { lineTask, PROGRAM, Queue } from './support/queue.ts';
import { median, ms, print, skip, timed } from './support/report.ts';

/** Any image with a shell; the engines of the tests have this one. */
const IMAGE = process.env.BERTH_BENCH_IMAGE ?? 'berth-busybox:latest';
const PROJECT = `services:
  web:
    image: ${IMAGE}
    command: sleep 3600
    init: true
    pull_policy: never
    volumes: [".:/app"]
    working_dir: /app
`;
const SAMPLES = 25;

const why = missing();
if (why !== null) skip('a warm Compose service', why);
else await inProject(measure);

function missing(): string | null {
  if (spawnSync('docker', ['compose', 'version']).status !== 0) return 'docker compose does not answer';
  if (spawnSync('docker', ['image', 'inspect', IMAGE]).status !== 0) {
    return `there is no image ${IMAGE}; BERTH_BENCH_IMAGE may name another one with a shell`;
  }
  return null;
}

async function inProject(work: (project: string) => Promise<void>): Promise<void> {
  const project = realpathSync(mkdtempSync(join(tmpdir(), 'berth-bench-project-')));
  const compose = (...args: string[]) =>
    execFileSync('docker', ['compose', ...args], { cwd: project, stdio: ['ignore', 'pipe', 'pipe'] });
  writeFileSync(join(project, 'compose.yaml'), PROJECT);
  try {
    compose('up', '--detach');
    await work(project);
  } finally {
    compose('down', '--timeout', '0');
    rmSync(project, { recursive: true, force: true });
  }
}

async function measure(project: string): Promise<void> {
  await using queue = await Queue.open();
  const docker = (...args: string[]) => program(['docker', ...args], project, queue.env);
  const id = execFileSync('docker', ['compose', 'ps', '--quiet', 'web'], { cwd: project, encoding: 'utf8' });
  const berthRun = [process.execPath, PROGRAM, 'run', '--use-container', '--', 'true'];
  const times = await inTurns({
    berth: () => program(berthRun, project, queue.env),
    compose: () => docker('compose', 'exec', '-T', 'web', 'true'),
    docker: () => docker('exec', id.trim(), 'true'),
  });
  const ratio = times.berth / times.compose;
  const [major = 0] = process.versions.node.split('.').map(Number);
  const goal = major >= 24 ? 1.0 : 1.2;
  print({
    what: 'berth run in a warm Compose service',
    ours: ms(times.berth),
    peer: `docker compose exec -T ${ms(times.compose)}`,
    ratio,
    goal: `≤ ${goal.toFixed(1)} x`,
    ok: ratio <= goal,
  });
  print({
    what: '  against the engine without Compose',
    ours: ms(times.berth),
    peer: `docker exec ${ms(times.docker)}`,
    ratio: times.berth / times.docker,
  });
  await taskStart({ queue, project, id: id.trim() });
}

/** From the order to the first thing that the task does in the container. */
async function taskStart(place: { readonly queue: Queue; readonly project: string; readonly id: string }) {
  const { queue, project, id } = place;
  await queue.startWorker(4);
  // the project is mounted, and a named pipe is one for both sides
  using bell = new Doorbell(join(project, 'bell'));
  const task = lineTask('echo >/app/bell', project);
  const request = { ...task, context: { ...task.context, container: wishFor('web') } };
  const times = await inTurns({
    berth: async () => {
      await Promise.all([bell.rung(), send(queue.deps, request)]);
    },
    docker: async () => {
      const child = spawn('docker', ['exec', id, 'sh', '-c', 'echo >/app/bell'], { stdio: 'ignore' });
      await bell.rung();
      if (child.exitCode === null) void once(child, 'exit');
    },
  });
  const ratio = times.berth / times.docker;
  print({
    what: 'send to start in a warm service, by a worker',
    ours: ms(times.berth),
    peer: `docker exec ${ms(times.docker)}`,
    ratio,
    goal: '≤ 1.15 x',
    ok: ratio <= 1.15,
  });
}

function wishFor(service: string): ContainerRequest {
  return {
    mode: 'explicit',
    type: null,
    image: null,
    service,
    name: null,
    kubernetes: null,
    volumes: [],
    ports: [],
    user: null,
    engineArgs: [],
    allowHost: false,
    start: false,
    build: false,
  };
}

/** The median of each, one after the other in every round, so that they meet the same machine. */
async function inTurns<Name extends string>(
  works: Readonly<Record<Name, () => Promise<void>>>,
): Promise<Record<Name, number>> {
  const entries = Object.entries(works) as [Name, () => Promise<void>][];
  const times = new Map<Name, number[]>(entries.map(([name]) => [name, []]));
  for (const [, work] of entries) await work();
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (const [name, work] of entries) times.get(name)?.push(await timed(work));
  }
  const medians = entries.map(([name]) => [name, median(times.get(name) ?? [])]);
  return Object.fromEntries(medians);
}

async function program(argv: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { cwd, env, stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}`);
}
