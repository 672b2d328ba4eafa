// The main job on the host: how soon a task starts, how much of them run, what `berth send` costs.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { send } from '../src/actions/send.ts';
import { fullSpec, storable } from '../src/actions/task-spec.ts';
import { Doorbell } from './support/doorbell.ts';
import { cpuMs, lineTask, PROGRAM, Queue } from './support/queue.ts';
import { median, ms, percentile, perSecond, print, skip, timed } from './support/report.ts';

const SAMPLES = 200;
const SLOTS = 10;
const NO_OPS = 1000;
/** Each queued one holds a process of task-spooler. */
const TSP_NO_OPS = 200;

await sendToStart();
await sendAsProcess();
await noOps();

async function sendToStart(): Promise<void> {
  await using queue = await Queue.open();
  await queue.startWorker(SLOTS);
  using bell = new Doorbell(join(queue.home, 'bell'));
  const line = `echo >${bell.path}`;
  const ours: number[] = [];
  const shell: number[] = [];
  const sent: number[] = [];
  for (let sample = 0; sample < SAMPLES + 5; sample++) {
    shell.push(
      await timed(async () => {
        const rung = bell.rung();
        spawn('sh', ['-c', line], { stdio: 'ignore' });
        await rung;
      }),
    );
    ours.push(
      await timed(async () => {
        const rung = bell.rung();
        sent.push(await timed(() => send(queue.deps, lineTask(line, queue.home))));
        await rung;
      }),
    );
    await queue.empty();
  }
  // the first ones load code
  for (const list of [ours, shell, sent]) list.splice(0, 5);
  for (const [name, share, goalMs] of [
    ['median', 0.5, 15],
    ['99 %', 0.99, 50],
  ] as const) {
    const [mine, theirs] = [percentile(ours, share), percentile(shell, share)];
    print({
      what: `send to start, idle worker, on the host, ${name}`,
      ours: ms(mine),
      peer: `sh -c ${ms(theirs)}`,
      ratio: mine / theirs,
      goal: `≤ ${goalMs} ms`,
      ok: mine <= goalMs,
    });
  }
  print({ what: '  of it: send() until the task is on disk', ours: ms(median(sent)) });
}

/** CPU time, because the machine may be busy with other things. */
async function sendAsProcess(): Promise<void> {
  await using queue = await Queue.open();
  const options = { env: queue.env, cwd: queue.home, stdio: 'ignore' as const };
  const berth = () => spawnSync(process.execPath, [PROGRAM, 'send', 'true'], options);
  const node = () => spawnSync(process.execPath, ['-e', '0'], options);
  const spent = { berth: 0, node: 0 };
  const wall = { berth: [] as number[], node: [] as number[] };
  for (let warm = 0; warm < 3; warm++) berth();
  const pairs = 12;
  const perPair = 5;
  for (let pair = 0; pair < pairs; pair++) {
    for (const [name, run] of [
      ['berth', berth],
      ['node', node],
    ] as const) {
      const before = cpuMs('self')[1];
      for (let turn = 0; turn < perPair; turn++) wall[name].push(await timed(async () => run()));
      spent[name] += cpuMs('self')[1] - before;
    }
  }
  const count = pairs * perPair;
  print({
    what: 'berth send as a process, CPU time',
    ours: ms(spent.berth / count),
    peer: `node -e 0 ${ms(spent.node / count)}`,
    ratio: spent.berth / spent.node,
    goal: '≤ 1.6 x',
    ok: spent.berth <= spent.node * 1.6,
  });
  print({
    what: 'berth send as a process, wall time',
    ours: ms(median(wall.berth)),
    peer: `node -e 0 ${ms(median(wall.node))}`,
    ratio: median(wall.berth) / median(wall.node),
  });
}

/** Batches that are there before the first one may start; the three take turns. */
async function noOps(): Promise<void> {
  await using queue = await Queue.open();
  await queue.startWorker(SLOTS);
  await berthBatch(queue, 100);
  const before = queue.workerCpuMs();
  const hasTsp = spawnSync('tsp', ['-V']).status === 0;
  const rates = { berth: [] as number[], tsp: [] as number[], spawn: [] as number[] };
  const rounds = 3;
  for (let round = 0; round < rounds; round++) {
    rates.berth.push(NO_OPS / (await berthBatch(queue, NO_OPS)));
    if (hasTsp) rates.tsp.push(TSP_NO_OPS / (await tspBatch(TSP_NO_OPS)));
    rates.spawn.push(NO_OPS / (await spawnBatch(NO_OPS)));
  }
  const after = queue.workerCpuMs();
  const ours = median(rates.berth) * 1000;
  const peer = median(hasTsp ? rates.tsp : rates.spawn) * 1000;
  print({
    what: `no-op tasks, ${SLOTS} slots, batch of ${NO_OPS}`,
    ours: perSecond(ours),
    peer: `${hasTsp ? 'task-spooler' : 'bare sh -c'} ${perSecond(peer)}`,
    ratio: ours / peer,
    goal: '≥ 500/s',
    ok: ours >= 500,
  });
  if (hasTsp) {
    const bare = median(rates.spawn) * 1000;
    print({
      what: '  against processes without a queue',
      ours: perSecond(ours),
      peer: `sh -c by Node ${perSecond(bare)}`,
      ratio: ours / bare,
    });
  } else skip('  task-spooler', 'tsp is not installed (Debian: apt-get install task-spooler)');
  const tasks = rounds * NO_OPS;
  const [own, shells] = [(after.own - before.own) / tasks, (after.tasks - before.tasks) / tasks];
  print({
    what: '  CPU time a task: worker + its shells',
    ours: `${own.toFixed(2)} + ${ms(shells)}`,
    peer: 'two idle cores then allow',
    goal: perSecond(2000 / (own + shells)),
  });
}

/** Milliseconds until all have ended. */
async function berthBatch(queue: Queue, count: number): Promise<number> {
  const { deps } = queue;
  const store = await deps.store();
  const { spec } = await storable(deps, await fullSpec(deps, lineTask('true', queue.home)));
  await Promise.all(Array.from({ length: count }, () => store.add(spec)));
  return timed(async () => {
    await deps.worker.nudge();
    await queue.empty();
  });
}

async function tspBatch(count: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-bench-tsp-'));
  const env = {
    ...process.env,
    TMPDIR: folder,
    TS_SOCKET: join(folder, 'socket'),
    TS_MAXCONN: String(count + 10),
  };
  const tsp = (...args: string[]) => execFileSync('tsp', args, { env, stdio: 'ignore', timeout: 10_000 });
  try {
    using gate = new Doorbell(join(folder, 'gate'));
    tsp('-S', '1');
    tsp('-n', 'sleep', '1000');
    const fill = spawn('sh', ['-c', `i=0; while [ $i -lt ${count} ]; do tsp -n true; i=$((i+1)); done`], {
      env,
      stdio: 'ignore',
    });
    await once(fill, 'exit');
    // the last one tells the end; one slot is the sleeper's
    tsp('-n', 'sh', '-c', `echo >${gate.path}`);
    const rung = gate.rung();
    return await timed(async () => {
      tsp('-S', String(SLOTS + 1));
      await rung;
    });
  } finally {
    spawnSync('tsp', ['-k', '0'], { env });
    spawnSync('tsp', ['-K'], { env });
    rmSync(folder, { recursive: true, force: true });
  }
}

function spawnBatch(count: number): Promise<number> {
  return timed(async () => {
    let left = count;
    const lane = async () => {
      while (left-- > 0) await once(spawn('sh', ['-c', 'true'], { stdio: 'ignore' }), 'exit');
    };
    await Promise.all(Array.from({ length: SLOTS }, lane));
  });
}
