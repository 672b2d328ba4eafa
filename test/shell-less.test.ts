import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Berth, endOf, until } from './support/berth.ts';
import { call } from './support/boxes.ts';
import { describeWith } from './support/engines.ts';

// a busy machine takes its time for containers
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], `berth run in an image of ${engine} without a shell`, () => {
    let berth: Berth;
    let project: string;
    beforeEach(() => {
      berth = new Berth();
      project = realpathSync(mkdtempSync(join(tmpdir(), 'berth-shell-less-')));
    });
    afterEach(async () => {
      await berth[Symbol.asyncDispose]();
      rmSync(project, { recursive: true });
    });
    const image = ['--container-type', engine, '--container-image', 'berth-scratch:latest'];
    const words = (...rest: readonly string[]) => ['run', ...image, '--workdir', project, ...rest];
    /** The container of a task, once its program runs. */
    const running = async (id: number) => {
      let container = '';
      await until('its program runs', async () => {
        const shown = await berth.json(['show', String(id)]).catch(() => null);
        container = shown?.context?.container?.id ?? '';
        if (container === '') return false;
        return (await call(engine, 'inspect', '--format', '{{.State.Running}}', container)) === 'true';
      });
      return container;
    };
    const isThere = (container: string) =>
      call(engine, 'inspect', '--format', '{{.Id}}', container).then(Boolean, () => false);

    test('a program runs as its container’s own, and that is said', async () => {
      const shown = await berth.run(words('--env', 'GREETING=it’s "me"', '--', 'env'));
      const failed = await berth.run(words('--', 'false'));
      const child = berth.start(words('--stdin', '--', 'cat'));
      child.stdin?.end('given\n');

      expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(/^GREETING=it’s "me"$/m) });
      expect(shown.stderr).toContain('The image has no shell');
      expect(failed.code).toBe(1);
      expect(await endOf(child)).toMatchObject({ code: 0, stdout: 'given\n' });
    });

    test('what is not there, or needs a shell, does not start', async () => {
      const missing = await berth.run(words('--', 'no-such-program'));
      const line = await berth.run(words('echo a | cat'));

      expect(missing).toMatchObject({ code: 125, stderr: expect.stringContaining('PROGRAM_NOT_FOUND') });
      expect(line).toMatchObject({ code: 125, stderr: expect.stringContaining('NO_SHELL') });
    });

    test('Ctrl-C and the time limit end the container, and it is removed', async () => {
      const child = berth.start(words('--', 'sleep', '300'));
      const ended = endOf(child);
      const container = await running(1);
      child.kill('SIGINT');

      expect((await ended).code).toBe(130);
      expect(await isThere(container)).toBe(false);
      expect(await berth.run(words('--timeout', '1s', '--', 'sleep', '300'))).toMatchObject({ code: 124 });
    });

    test('when berth is killed the task is lost, and the next worker removes the container', async () => {
      const child = berth.start(words('--', 'sleep', '300'));
      const container = await running(1);
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
      await berth.up();
      await berth.run(['wait', '1']);

      expect(await berth.json(['show', '1'])).toMatchObject({ outcome: 'lost' });
      await until('its container is gone', async () => !(await isThere(container)));
    });
  });
}
