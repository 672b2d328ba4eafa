import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownerOf } from '../src/core/owner.ts';
import { localHost } from '../src/hosts/local.ts';
import { Berth, until } from './support/berth.ts';
import { call, imageBox } from './support/boxes.ts';
import { describeWith } from './support/engines.ts';

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], `what a killed berth leaves in ${engine}`, () => {
    let berth: Berth;
    let options: readonly string[];
    let close: () => Promise<void>;
    beforeAll(async () => {
      berth = new Berth();
      ({ options, close } = await imageBox(engine));
    });
    afterAll(async () => {
      await berth[Symbol.asyncDispose]();
      await close();
    });
    const labelled = async () => {
      const queue = (await call('cat', `${berth.home}/id`).catch(() => '')) || 'none';
      return (
        await call(
          engine,
          'ps',
          '--all',
          '--quiet',
          '--no-trunc',
          '--filter',
          `label=dev.berth.queue=${queue}`,
        )
      )
        .split('\n')
        .filter((id) => id !== '');
    };
    const gone = (id: string) => until(`${id} is gone`, async () => !(await labelled()).includes(id));

    test('a container whose run was killed goes when the next worker has finished the run, and no foreign one goes', async () => {
      const foreign = await call(
        engine,
        'run',
        '--detach',
        '--pull=never',
        '--label=dev.berth.task=1',
        'berth-busybox',
        'sleep',
        '1000',
      );
      const child = berth.start(['run', ...options, '--', 'sleep', '1000']);
      await until('it runs', async () => (await labelled()).length === 1);
      const [id = ''] = await labelled();
      const busy = await berth.json(['gc', '--dry-run']);
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
      // a task that is recorded as running is the next worker's to finish
      const still = await labelled();
      const worker = await berth.run(['up']);
      // a worker takes over when the lease of the dead one has ended, which takes up to half a minute
      await gone(id).catch(() => gone(id));
      const after = await call(engine, 'ps', '--quiet', '--no-trunc');
      await call(engine, 'rm', '--force', foreign);

      expect([busy, still, worker.code]).toEqual([[], [id], 0]);
      expect(after).toContain(foreign);
    });

    test('a container of a dead process that no attempt names is removed, and one of a live process is not', async () => {
      const queue = await call('cat', `${berth.home}/id`);
      const make = (owner: string) =>
        call(
          ...[
            engine,
            'run',
            '--detach',
            '--pull=never',
            `--label=dev.berth.queue=${queue}`,
            '--label=dev.berth.task=99',
          ],
          ...[
            '--label=dev.berth.attempt=1',
            `--label=dev.berth.owner=${owner}`,
            'berth-busybox',
            'sleep',
            '1000',
          ],
        );
      const host = localHost();
      const here = `${host.self.bootId}:${host.pidNamespace}`;
      const [dead, alive, unclear] = [
        await make(`local:4194304:1:${here}`),
        await make(ownerOf(host)),
        await make(`elsewhere:1:1:${here}`),
      ];
      const dry = await berth.json(['gc', '--dry-run']);
      const done = await berth.json(['gc']);
      const left = await labelled();
      await call(engine, 'rm', '--force', alive, unclear);

      expect(dry).toMatchObject([{ engine, id: dead, task: 99, attempt: 1, state: 'running' }]);
      expect(done).toEqual(dry);
      expect(left.sort()).toEqual([alive, unclear].sort());
    });
  });
}
