import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Berth, endOf, until } from './support/berth.ts';
import { describeWithPrivateDocker, PrivateDocker } from './support/private-docker.ts';
import { sendTask } from './support/trouble.ts';

// engines take their time to come back, and berth its own to give them up
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

describeWithPrivateDocker('a docker daemon in trouble while tasks run in its containers', () => {
  let docker: PrivateDocker;
  let berth: Berth;
  let project: string;
  beforeEach(() => {
    docker = new PrivateDocker();
    berth = new Berth(docker.env);
    project = mkdtempSync(join(tmpdir(), 'berth-trouble-'));
  });
  afterEach(async () => {
    docker.wake();
    try {
      await berth[Symbol.asyncDispose]();
    } finally {
      // a daemon that stayed would be in the way of every test after it
      await docker[Symbol.asyncDispose]();
      rmSync(project, { recursive: true });
    }
  });
  const into = (container: string) => ['--container', container, '--workdir', project];
  /** One task under way in a running container. */
  const underWay = async (...options: readonly string[]) => {
    await docker.start(...options);
    const box = await docker.run(`--volume=${project}:/project`);
    await berth.up('--slots', '2');
    const task = await sendTask(berth, into(box), 'echo up; sleep 300; echo over >>/project/over');
    await task.said('up');
    return { box, task };
  };

  test('that is restarted and ends its containers: the task is lost, the next one runs', async () => {
    const { box, task } = await underWay();
    await docker.end('SIGTERM');
    await docker.start();

    expect(await task.shown()).toMatchObject({
      outcome: 'lost',
      cause: expect.stringMatching(
        /docker went away while the task ran\. Container .* ended with code|ended with code/,
      ),
    });
    await until('the session knows', async () => {
      const [slot] = await berth.json(['sessions']);
      return slot.container_id === box && slot.container_state === 'exited';
    });
    await docker.call('start', box);
    const next = await sendTask(berth, into(box), 'echo again');
    expect(await next.shown()).toMatchObject({ outcome: 'succeeded' });
  });

  test('that is restarted and keeps its containers: lost, and nothing of the task goes on', async () => {
    const { box, task } = await underWay('--live-restore');
    await docker.end('SIGTERM');
    await docker.start('--live-restore');

    expect(await task.shown()).toMatchObject({
      outcome: 'lost',
      cause: expect.stringMatching(
        /docker went away while the task ran\. The container runs on; what was left .* stopped/,
      ),
    });
    expect((await docker.processes(box)).filter((line) => line.includes('sleep 300'))).toEqual([]);
  });

  test('that is back before its client has noticed: lost, and the cause is not forgotten', async () => {
    const { task } = await underWay('--live-restore');
    const [, client = ''] = readFileSync(join(berth.home, 'runs', `${task.id}-1`, 'pid'), 'utf8').split(' ');
    process.kill(Number(client), 'SIGSTOP');
    await docker.end('SIGTERM');
    await docker.start('--live-restore');
    process.kill(Number(client), 'SIGCONT');

    expect(await task.shown()).toMatchObject({
      outcome: 'lost',
      cause: expect.stringMatching(
        /docker went away while the task ran\. The container runs on; what was left/,
      ),
    });
  });

  test('that is killed: lost, and nothing of the task goes on', async () => {
    const { box, task } = await underWay('--live-restore');
    await docker.end('SIGKILL');
    await docker.start('--live-restore');

    expect(await task.shown()).toMatchObject({
      outcome: 'lost',
      cause: expect.stringContaining('docker went away while the task ran.'),
    });
    expect((await docker.processes(box)).filter((line) => line.includes('sleep 300'))).toEqual([]);
  });

  test('that is gone for good: lost, and says that nothing answers', async () => {
    const { task } = await underWay();
    await docker.end('SIGTERM');

    expect(await task.shown()).toMatchObject({
      outcome: 'lost',
      cause: expect.stringMatching(/nothing answers|ended with code/),
    });
    const next = await sendTask(berth, into('any'), 'true');
    expect(await next.shown()).toMatchObject({
      outcome: 'not_started',
      error_code: 'RUNTIME_UNAVAILABLE',
      hint: expect.stringContaining('berth runtimes'),
    });
  });

  test('that is restarted under a container of berth’s own: lost, and the container is removed', async () => {
    await docker.start('--live-restore');
    await berth.up('--slots', '1');
    const image = ['--container-image', 'berth-busybox', '--docker-arg=--network=none', '--workdir', project];
    const task = await sendTask(berth, image, 'echo up; sleep 300');
    await task.said('up');
    await docker.end('SIGTERM');
    await docker.start('--live-restore');

    expect(await task.shown()).toMatchObject({ outcome: 'lost' });
    await until('nothing is left', async () => (await docker.call('ps', '--all', '--quiet')) === '');
  });

  test('that hangs and goes on: the task succeeds with all its output', async () => {
    await docker.start();
    const box = await docker.run();
    await berth.up('--slots', '2');
    const task = await sendTask(
      berth,
      into(box),
      'echo up; while [ ! -e /tmp/go ]; do sleep 0.1; done; seq 5000',
    );
    await task.said('up');
    await docker.call('exec', box, 'touch', '/tmp/go');
    docker.freeze();
    // what waits for nothing of the engine is not held up
    const beside = await sendTask(berth, ['--no-container', '--workdir', project], 'echo beside');
    expect(await beside.shown()).toMatchObject({ outcome: 'succeeded' });
    docker.wake();

    expect(await task.shown()).toMatchObject({ outcome: 'succeeded' });
    const { stdout } = await berth.run(['logs', String(task.id)]);
    expect(stdout.trim().split('\n')).toHaveLength(5001);
  });

  test('that hangs for good: cancel, time limit and Ctrl-C end as lost, a new task does not start, and nothing goes on', async () => {
    const { box, task } = await underWay();
    // with the caller's stdin the program has a client of its own, as on a terminal
    const words = [[], ['--stdin']].map((option) => ['run', ...option, ...into(box), '--', 'sh', '-c']);
    const here = words.map((run, index) => berth.start([...run, `echo up; sleep ${302 + index}`]));
    await Promise.all(here.map((one) => new Promise((resolve) => one.stdout?.once('data', resolve))));
    // it must not pass before the freeze
    const limited = await sendTask(berth, ['--timeout', '10s', ...into(box)], 'echo up; sleep 301');
    await limited.said('up');
    docker.freeze();
    for (const one of here) one.kill('SIGINT');
    const foreground = Promise.all(here.map(endOf));
    const cancelled = await berth.run(['cancel', String(task.id)]);
    const hangs = expect.stringContaining('did not answer within');
    expect(cancelled.code).toBe(0);
    expect(await task.shown()).toMatchObject({ outcome: 'lost', cause: hangs });
    expect(await limited.shown()).toMatchObject({ outcome: 'lost', cause: hangs });
    expect(await foreground).toMatchObject(here.map(() => ({ code: 70, stderr: hangs })));
    const next = await sendTask(berth, into(box), 'true');
    expect(await next.shown()).toMatchObject({ outcome: 'not_started', error_code: 'RUNTIME_UNAVAILABLE' });
    docker.wake();

    await until('nothing of the tasks is left', async () => {
      const lines = await docker.processes(box);
      return lines.every((line) => !line.includes('sleep 30'));
    });
  });
});
