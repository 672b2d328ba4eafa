import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Berth } from './support/berth.ts';
import { type Box, call, imageBox, runningBox, serviceBox } from './support/boxes.ts';
import { describeWith } from './support/engines.ts';
import { sendTask } from './support/trouble.ts';

// a busy machine takes its time for containers and processes
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

/** The queue's label, which it has as soon as it started a container. */
function queueOf(berth: Berth): string {
  try {
    return readFileSync(join(berth.home, 'id'), 'utf8').trim();
  } catch {
    return 'none';
  }
}

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], `a container of ${engine} in trouble while a task runs in it`, () => {
    let berth: Berth;
    beforeAll(async () => {
      berth = new Berth();
      await berth.up('--slots', '2');
    });
    afterAll(() => berth[Symbol.asyncDispose]());
    /** A task that is under way in a running container of its own, and the container's id. */
    const underWay = async (line = 'echo up; sleep 5; echo over') => {
      const box = await runningBox(engine);
      const task = await sendTask(berth, box.options, line);
      await task.said('up');
      return { box, task, id: box.container?.id ?? '' };
    };
    /** A task in a container that is made as no other. */
    const inside = async (args: readonly string[], program: readonly string[], line: string) => {
      const words = ['run', '--detach', '--pull=never', ...args, 'berth-busybox', ...program];
      const id = await call(engine, ...words);
      const options = ['--container-type', engine, '--container', id, '--workdir', '/'];
      const task = await sendTask(berth, options, line);
      return { id, task, close: () => call(engine, 'rm', '--force', id) };
    };
    const sleeps = ['sleep', '100000'];
    const hungry = `x=$(head -c 1000000 /dev/zero | tr "\\0" x); while :; do x="$x$x"; done`;
    const small = ['--memory=24m', '--memory-swap=24m'];

    test('that is removed: lost, and says so', async () => {
      const { box, task, id } = await underWay();
      await call(engine, 'rm', '--force', id);

      expect(await task.shown()).toMatchObject({
        outcome: 'lost',
        cause: expect.stringMatching(/was removed|is being removed|ended with code/),
      });
      await rm(box.project, { recursive: true });
    });

    test('that is stopped: lost, with its code', async () => {
      const { box, task, id } = await underWay();
      await call(engine, 'stop', '-t', '1', id);

      expect(await task.shown()).toMatchObject({
        outcome: 'lost',
        cause: expect.stringMatching(/Container .* ended with code \d+/),
      });
      await box.close();
    });

    test('that is restarted: lost, although it runs again', async () => {
      const { box, task, id } = await underWay();
      await call(engine, 'restart', '-t', '1', id);

      expect(await task.shown()).toMatchObject({
        outcome: 'lost',
        cause: expect.stringMatching(/was restarted at|ended with code/),
      });
      await box.close();
    });

    test('that is paused and woken: the task goes on to its true end', async () => {
      const { box, task, id } = await underWay();
      await call(engine, 'pause', id);
      await call(engine, 'unpause', id);

      expect(await task.shown()).toMatchObject({ outcome: 'succeeded' });
      expect((await berth.run(['logs', String(task.id)])).stdout).toBe('up\nover\n');
      await box.close();
    });

    test('that is paused when the task is cancelled: the stop is obeyed when it is woken', async () => {
      const { box, task, id } = await underWay('echo up; sleep 300');
      await call(engine, 'pause', id);
      await berth.run(['cancel', String(task.id)]);
      expect(await berth.json(['show', String(task.id)])).toMatchObject({ state: 'running' });
      await call(engine, 'unpause', id);

      expect(await task.shown()).toMatchObject({ outcome: 'cancelled' });
      await box.close();
    });

    test('whose program runs out of memory: failed, and berth’s own container says why', async () => {
      const box = await imageBox(engine);
      const own = [...box.options, ...small.map((word) => `--docker-arg=${word}`)];
      const task = await sendTask(berth, own, hungry);

      expect(await task.shown()).toMatchObject({
        outcome: 'failed',
        exit_code: 137,
        oom: true,
        cause: expect.stringContaining('Out of memory'),
      });
      await box.close();
    });

    test('that lives on while a program in it runs out of memory: failed, with the kernel’s count', async () => {
      const { task, close } = await inside(['--init', ...small], sleeps, hungry);

      expect(await task.shown()).toMatchObject({
        outcome: 'failed',
        exit_code: 137,
        // others in the same container may have been meant
        oom: null,
        cause: expect.stringMatching(/kernel has killed .* for want of memory/),
      });
      await close();
    });

    test('that itself runs out of memory: lost, and says so', async () => {
      const program = ['sh', '-c', `while [ ! -e /tmp/go ]; do sleep 0.1; done; ${hungry}`];
      const { id, task, close } = await inside(small, program, 'echo up; sleep 300');
      await task.said('up');
      await call(engine, 'exec', id, 'touch', '/tmp/go');

      expect(await task.shown()).toMatchObject({
        outcome: 'lost',
        cause: expect.stringMatching(/ran out of memory and was killed|ended with code 137/),
      });
      await close();
    });

    test('that is read-only: the task runs, and what it cannot write is its own to say', async () => {
      const { task, close } = await inside(['--init', '--read-only'], sleeps, 'echo x >/x || exit 7');

      expect(await task.shown()).toMatchObject({ outcome: 'failed', exit_code: 7 });
      expect((await berth.run(['logs', String(task.id)])).stderr).toMatch(/Read-only file system/);
      await close();
    });

    test('whose disk is full: the program says it, and its code is its own', async () => {
      const fill = 'head -c 2000000 /dev/zero >/full/x; echo $?; exit 9';
      const { task, close } = await inside(['--init', '--tmpfs=/full:size=1m'], sleeps, fill);

      expect(await task.shown()).toMatchObject({ outcome: 'failed', exit_code: 9 });
      expect((await berth.run(['logs', String(task.id)])).stderr).toMatch(/No space left|I\/O error/);
      await close();
    });

    test('whose task speaks like an engine before it goes: lost, never not started', async () => {
      const words = 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.';
      const { box, task, id } = await underWay(`echo up; echo '${words}' >&2; sleep 300`);
      await call(engine, 'rm', '--force', id);

      expect(await task.shown()).toMatchObject({ outcome: 'lost' });
      await rm(box.project, { recursive: true });
    });
  });
}

describeWith(['docker'], 'what cannot be prepared', () => {
  let berth: Berth;
  let box: Box;
  beforeAll(async () => {
    berth = new Berth();
    box = await imageBox('docker');
    await berth.up('--slots', '2');
  });
  afterAll(async () => {
    await berth[Symbol.asyncDispose]();
    await box.close();
  });
  const shownWith = async (image: string, ...options: readonly string[]) => {
    const where = ['--container-type', 'docker', '--workdir', box.project];
    const shown = await (
      await sendTask(berth, [...where, '--container-image', image, ...options], 'true')
    ).shown();
    const ours = `label=dev.berth.queue=${queueOf(berth)}`;
    expect(await call('docker', 'ps', '--all', '--quiet', '--filter', ours)).toBe('');
    expect(shown.outcome).toBe('not_started');
    return shown;
  };

  test('an image that is not there did not start, and says how to get it', async () => {
    expect(await shownWith('berth-none:1')).toMatchObject({
      error_code: 'IMAGE_MISSING',
      hint: expect.stringContaining('docker pull berth-none:1'),
    });
  });

  test('an image without a shell did not start, and says so', async () => {
    expect(await shownWith('berth-scratch:latest')).toMatchObject({ error_code: 'NO_SHELL' });
  });

  test('a volume whose path is missing did not start', async () => {
    const shown = await shownWith('berth-busybox', '--volume', '/no/such/path:/x');
    expect(shown).toMatchObject({ error_code: 'FILE_NOT_FOUND' });
  });

  test('a port that is taken did not start, and says by whom', async () => {
    const name = `berth-port-${randomBytes(4).toString('hex')}`;
    const words = ['run', '--detach', '--pull=never', `--name=${name}`, '--publish=127.0.0.1::80'];
    await call('docker', ...words, 'berth-busybox', 'sleep', '100000');
    const port = (await call('docker', 'port', name, '80')).split(':').at(-1);
    const shown = await shownWith('berth-busybox', '--port', `${port}:80`);
    await call('docker', 'rm', '--force', name);

    expect(shown).toMatchObject({
      error_code: 'PORT_TAKEN',
      cause: expect.stringContaining(`Port ${port} is taken by the docker container ${name}`),
    });
  });
});

describeWith(['docker', 'compose'], 'two clones whose Compose projects have the same name', () => {
  test('the one that does not run starts nothing, and names the directory of the other', async () => {
    const [mine, theirs] = [await serviceBox(), await serviceBox()];
    const compose = ['docker', 'compose', '--file', join(theirs.project, 'compose.yaml')];
    await call(...compose, 'down', '--timeout=0');
    await writeFile(join(theirs.project, '.env'), `COMPOSE_PROJECT_NAME=${mine.container?.project ?? ''}\n`);
    await using berth = new Berth();
    await berth.up('--slots', '1');
    const shown = await (await sendTask(berth, theirs.options, 'echo in the wrong place')).shown();
    await mine.close();
    await rm(theirs.project, { recursive: true });

    expect(shown).toMatchObject({
      outcome: 'not_started',
      error_code: 'PROJECT_MISMATCH',
      cause: expect.stringContaining(mine.project),
      hint: expect.stringContaining('COMPOSE_PROJECT_NAME'),
    });
  });
});

describeWith(['docker', 'compose'], 'a service that is made anew between two tasks', () => {
  test('is found by its labels, and the session says where it was', async () => {
    const service = await serviceBox();
    await using berth = new Berth();
    await berth.up('--slots', '1');
    const idOf = async () => {
      const { id } = await berth.json(['send', ...service.options, '--', 'cat', '/etc/hostname']);
      await berth.run(['wait', String(id)]);
      const [session] = (await berth.json(['sessions'])).filter(
        (row: { kind: string }) => row.kind === 'headless',
      );
      const { stdout } = await berth.run(['logs', String(id)]);
      return {
        hostname: stdout.trim(),
        containerId: session.container_id,
        service: session.container_service,
      };
    };
    const first = await idOf();
    const file = join(service.project, 'compose.yaml');
    await call(
      'docker',
      'compose',
      '--file',
      file,
      'up',
      '--detach',
      '--force-recreate',
      '--pull=never',
      'web',
    );
    const second = await idOf();
    await service.close();

    expect(second.containerId).not.toBe(first.containerId);
    for (const one of [first, second]) {
      expect(one).toMatchObject({
        service: 'web',
        containerId: expect.stringMatching(new RegExp(`^${one.hostname}`)),
      });
    }
  });
});
