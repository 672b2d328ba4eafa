import { join } from 'node:path';
import { expect } from 'vitest';
import { Berth } from './support/berth.ts';
import { eventually, processes, readOrEmpty } from './support/cluster.ts';
import { clusterTests } from './support/cluster-tests.ts';
import { describeWith } from './support/engines.ts';

describeWith(['kubernetes'], 'tasks of the queue in pods', () => {
  const test = clusterTests();

  test('a container without a shell says so, in the foreground too', async ({ berth, aReadyPod, inPod }) => {
    await aReadyPod('bare', {
      container: { image: 'berth-scratch:latest', command: ['/bin/sleep', '100000'] },
    });
    const ends = await Promise.all([
      berth.run(['run', ...inPod('bare'), '--', 'echo', 'it ran']),
      berth.run(['send', 'true', '--wait', ...inPod('bare')]),
    ]);

    // in the foreground the engine's own words are on stdout
    const refused = { code: 125, stdout: expect.not.stringContaining('it ran') };
    expect(ends).toMatchObject([refused, refused]);
    expect(ends.map(({ stderr }) => stderr)).toEqual(ends.map(() => expect.stringContaining('NO_SHELL')));
  });

  test('cancel leaves nothing in the pod', async ({ namespace, berth, aReadyPod, inPod, queued, ended }) => {
    await aReadyPod('box');
    const mark = 'sleep 98765';
    const line = `trap "" TERM; setsid ${mark} & ${mark}`;
    const id = await queued(line, '--timeout', '10m', ...inPod('box'));
    await eventually('it runs', async () => (await processes(namespace, 'box', mark)).length > 0);
    await berth.run(['cancel', id]);

    expect(await ended(id)).toMatchObject({ outcome: 'cancelled' });
    expect(await processes(namespace, 'box', mark)).toEqual([]);
  });

  test('sessions show the pod', async ({ namespace, berth, aReadyPod, inPod }) => {
    await aReadyPod('box');
    await berth.run(['send', 'true', '--wait', ...inPod('box')]);

    expect(await berth.json(['sessions'])).toContainEqual(
      expect.objectContaining({
        container_type: 'kubernetes',
        container_id: 'box/main',
        container_image: 'berth-busybox:latest',
        container_namespace: namespace.name,
      }),
    );
  });

  test('where the pod says that nothing can be written, explain, show and the sender are told: attached', async ({
    berth,
    aReadyPod,
    inPod,
  }) => {
    await aReadyPod('sealed', SEALED);
    const line = 'touch /x; echo out; exit 6';
    const done = await berth.run(['send', line, '--wait', ...inPod('sealed')]);
    const tasks: readonly { readonly id: number; readonly content: string }[] = await berth.json(['list']);
    const id = tasks.find(({ content }) => content === line)?.id;

    expect(done).toMatchObject({ code: 6, stdout: 'out\n', stderr: expect.stringContaining('is attached') });
    expect((await berth.run(['explain', ...inPod('sealed')])).stdout).toContain('is attached');
    expect((await berth.run(['show', String(id)])).stdout).toContain('is attached');
  });

  test('where nothing can be written, 100 MiB arrive complete, and end where the task ended', async ({
    berth,
    aReadyPod,
    inPod,
  }) => {
    await aReadyPod('sealed', SEALED);
    const line = 'yes 0123456789abcde | head -c 104857600; echo err >&2; exit 6';
    const { code, stdout, stderr } = await berth.run(['send', line, '--wait', ...inPod('sealed')]);

    expect({ code, length: stdout.length }).toEqual({ code: 6, length: 104_857_600 });
    expect(stdout === '0123456789abcde\n'.repeat(6_553_600)).toBe(true);
    expect(stderr).toMatch(/^err$/m);
  });

  test('where nothing can be written, the next worker hears the end of a run', async ({
    aReadyPod,
    inPod,
  }) => {
    await aReadyPod('sealed', SEALED);
    await using berth = new Berth();
    const worker = await berth.up();
    const line = 'echo up; sleep 3; exit 6';
    await berth.json(['send', line, ...inPod('sealed')]);
    const log = join(berth.home, 'runs', '1-1', 'out.log');
    await eventually('it runs', () => readOrEmpty(log).startsWith('up'));
    process.kill(worker, 'SIGKILL');
    await eventually('it ends, and nobody hears it', () => readOrEmpty(log).includes(' out\n'));
    await berth.up();
    await berth.run(['wait', '1']);

    expect(await berth.json(['show', '1'])).toMatchObject({ outcome: 'failed', exit_code: 6 });
    expect(readOrEmpty(log)).toBe('up\n');
  });

  test('where it turns out that nothing can be written, the log of the task says: attached', async ({
    berth,
    aReadyPod,
    inPod,
  }) => {
    const places = ['/tmp', '/var/tmp', '/run', '/dev/shm'];
    await aReadyPod('guest', {
      spec: { volumes: [{ name: 'none', emptyDir: {} }] },
      container: {
        securityContext: { runAsUser: 12345 },
        volumeMounts: places.map((mountPath) => ({ name: 'none', mountPath, readOnly: true })),
      },
    });
    const done = await berth.run(['send', 'echo out; echo err >&2; exit 6', '--wait', ...inPod('guest')]);

    expect(done).toMatchObject({ code: 6, stdout: 'out\n' });
    expect(done.stderr).toMatch(/berth: note: nothing can be written.*attached[^\n]*\nerr\n/);
  });
});

/** A pod in which nothing can be written, and that says so. */
const SEALED = {
  spec: { volumes: [{ name: 'shm', emptyDir: {} }] },
  container: {
    securityContext: { readOnlyRootFilesystem: true },
    volumeMounts: [{ name: 'shm', mountPath: '/dev/shm', readOnly: true }],
  },
};
