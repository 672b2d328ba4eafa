import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunsUnderTest, StartedRun } from '../src/testing/run-contract.ts';
import { line } from '../src/testing/runs.ts';
import { Berth, until } from './support/berth.ts';
import { type Box, call, imageBox, runningBox, serviceBox } from './support/boxes.ts';
import { describeWith } from './support/engines.ts';
import { openRuns } from './support/run-ways.ts';

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], `a container of ${engine} in trouble while a task runs in it`, () => {
    let box: Box;
    let runs: RunsUnderTest;
    /** A task that is under way in a running container of its own, and the container's id. */
    const underWay = async (): Promise<readonly [StartedRun, string]> => {
      box = await runningBox(engine);
      runs = await openRuns('queue', box);
      const started = await runs.start({ payload: line('echo up; sleep 5; echo over') });
      await until('it runs', async () => (await started.said()).includes('up'));
      return [started, box.container?.id ?? ''];
    };
    const outcomeOf = async (started: StartedRun) => (await started.ended).outcome;

    test('that is removed: lost, and says so', async () => {
      const [started, id] = await underWay();
      await call(engine, 'rm', '--force', id);

      expect(await outcomeOf(started)).toMatchObject({
        kind: 'lost',
        cause: expect.stringMatching(/was removed|is being removed|ended with code/),
      });
      await runs.close().catch(() => {});
    });

    test('that is stopped: lost, with its code', async () => {
      const [started, id] = await underWay();
      await call(engine, 'stop', '-t', '1', id);

      const outcome = await outcomeOf(started);
      expect(outcome).toMatchObject({
        kind: 'lost',
        cause: expect.stringMatching(/Container .* ended with code \d+/),
      });
      await runs.close();
    });

    test('that is restarted: lost, although it runs again', async () => {
      const [started, id] = await underWay();
      await call(engine, 'restart', '-t', '1', id);

      expect(await outcomeOf(started)).toMatchObject({
        kind: 'lost',
        cause: expect.stringMatching(/was restarted at|ended with code/),
      });
      await runs.close();
    });

    test('that is paused and woken: the task goes on to its true end', async () => {
      const [started, id] = await underWay();
      await call(engine, 'pause', id);
      await call(engine, 'unpause', id);

      expect(await started.ended).toMatchObject({
        outcome: { kind: 'succeeded' },
        stdout: Buffer.from('up\nover\n'),
      });
      await runs.close();
    });

    test('that runs out of memory: the program’s end is explained', async () => {
      const small = await imageBox(engine);
      const start = { ...small.container?.start, engineArgs: ['--memory=24m', '--memory-swap=24m'] };
      const container = { ...small.container, start } as NonNullable<Box['container']>;
      runs = await openRuns('queue', { ...small, container });
      const hungry = 'x=$(head -c 1000000 /dev/zero | tr "\\0" x); while :; do x="$x$x"; done';
      const { outcome } = await (await runs.start({ payload: line(`sh -c '${hungry}'`) })).ended;

      expect(outcome).toMatchObject({ kind: 'failed', exitCode: 137, signal: 'SIGKILL', oom: true });
      await runs.close();
    });

    test('whose disk is full: the program says it, and its code is its own', async () => {
      const small = await imageBox(engine);
      const start = { ...small.container?.start, engineArgs: ['--tmpfs=/full:size=64k'] };
      const container = { ...small.container, start } as NonNullable<Box['container']>;
      runs = await openRuns('queue', { ...small, container });
      const ended = await (
        await runs.start({ payload: line('head -c 1000000 /dev/zero >/full/x; echo $?; exit 9') })
      ).ended;

      expect(ended.outcome).toMatchObject({ kind: 'failed', exitCode: 9 });
      expect(ended.stderr.toString()).toMatch(/No space left|I\/O error/);
      await runs.close();
    });
  });
}

describeWith(['docker'], 'what cannot be prepared', () => {
  let box: Box;
  let runs: RunsUnderTest;
  beforeAll(async () => {
    box = await imageBox('docker');
  });
  afterAll(() => box.close());
  const outcomeWith = async (change: object) => {
    const container = { ...box.container, ...change } as NonNullable<Box['container']>;
    runs = await openRuns('queue', { ...box, container, close: async () => {} });
    const { outcome } = await (await runs.start({ payload: line('true') })).ended;
    expect(await runs.leftContainers()).toEqual([]);
    await runs.close();
    return outcome;
  };

  test('an image that is not there did not start, and says how to get it', async () => {
    expect(await outcomeWith({ image: 'berth-none:1' })).toMatchObject({
      kind: 'not_started',
      code: 'IMAGE_MISSING',
      hint: expect.stringContaining('docker pull berth-none:1'),
    });
  });

  test('an image without a shell did not start, and says so', async () => {
    expect(await outcomeWith({ image: 'berth-scratch:latest' })).toMatchObject({
      kind: 'not_started',
      code: 'NO_SHELL',
    });
  });

  test('a volume whose path is missing did not start', async () => {
    const start = { ...box.container?.start, volumes: ['/no/such/path:/x'] };
    expect(await outcomeWith({ start })).toMatchObject({ kind: 'not_started', code: 'FILE_NOT_FOUND' });
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
