import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { describeWith } from '../../test/support/engines.ts';
import { localHost } from '../hosts/local.ts';
import { answeringInspectors, getRunningContainers, stopContainer } from './containers.ts';
import { executeInContainer } from './exec-container.ts';
import { startContainer } from './start-container.ts';

const host = localHost();
const image = 'berth-busybox:latest';

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], `containers of ${engine} for a library user`, () => {
    const call = (...args: string[]) =>
      host.exec({ argv: [engine, ...args], cwd: null, env: {} }, { timeoutMs: 60_000 });
    const aName = () => `berth-r-kept-${randomBytes(4).toString('hex')}`;
    const started = (options: Partial<Parameters<typeof startContainer>[1]> = {}) =>
      startContainer(host, { image, engine, command: 'sleep 1000', ...options });

    test('one is started, listed, used, stopped, and gone', async () => {
      const name = aName();
      const envVars = { GREETING: 'hello $USER', API_TOKEN: 'hunter2' };
      const id = await started({ name, envVars, ports: { '0': 3000 }, workingDir: '/tmp' });
      const listed = await getRunningContainers(host, 'berth-busybox');
      const used = await executeInContainer(
        host,
        name,
        'echo "$GREETING $API_TOKEN"; pwd; echo bad >&2; exit 3',
      );
      const stopped = await stopContainer(host, id);

      expect(listed.find((one) => one.id === id)).toMatchObject({ name, engine, state: 'running' });
      expect(used).toEqual({ stdout: 'hello $USER hunter2\n/tmp\n', stderr: 'bad\n', exitCode: 3 });
      expect(stopped).toBe(true);
      await expect(stopContainer(host, id)).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' });
    });

    test('a foreign one is stopped on request, but stays', async () => {
      const name = aName();
      await call('run', '-d', '--init', '--pull=never', '--name', name, image, 'sleep', '99');
      const first = await stopContainer(host, name, { force: true });
      const second = await stopContainer(host, name);
      const left = await call('rm', name);

      expect([first, second, left.exitCode]).toEqual([true, false, 0]);
    });

    test('without detaching, its end is waited for', async () => {
      const id = await started({ command: ['sh', '-c', 'sleep 0.3; exit 4'], detach: false });
      const [inspector] = (await answeringInspectors(host)).filter((one) => one.engine === engine);
      const facts = await inspector?.container(id);
      await stopContainer(host, id);

      expect(facts).toMatchObject({ state: 'exited', exitCode: 4 });
    });

    test('a name that is taken is not started, and the other keeps it', async () => {
      const name = aName();
      const id = await started({ name });

      await expect(started({ name })).rejects.toMatchObject({ code: 'NAME_TAKEN' });
      expect(await stopContainer(host, id, { force: true })).toBe(true);
    });

    test('what could not start is told from what ended with the same code', async () => {
      const id = await started();

      await expect(executeInContainer(host, id, ['no-such-program'])).rejects.toMatchObject({
        code: 'PROGRAM_NOT_FOUND',
      });
      await expect(executeInContainer(host, id, ['/etc'])).rejects.toMatchObject({
        code: 'PROGRAM_NOT_EXECUTABLE',
      });
      for (const code of [126, 127]) {
        const ended = await executeInContainer(host, id, `echo out; echo err >&2; exit ${code}`);
        expect(ended).toEqual({ stdout: 'out\n', stderr: 'err\n', exitCode: code });
      }
      await stopContainer(host, id, { force: true });
    });

    test('an image that cannot be pulled is an error with the engine’s words, and its progress was shown', async () => {
      const said: string[] = [];
      const pulled = started({
        image: 'localhost:1/berth/none:1',
        pull: 'missing',
        onProgress: (text) => said.push(text),
      });

      await expect(pulled).rejects.toMatchObject({ code: 'IMAGE_MISSING' });
      expect(said.join('')).not.toBe('');
    });
  });
}

test('without any engine, every question says what to do', async () => {
  const none = {
    ...host,
    exec: () => host.exec({ argv: ['/nowhere/engine'], cwd: null, env: {} }, { timeoutMs: 1_000 }),
    name: 'elsewhere',
  };

  await expect(getRunningContainers(none)).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
  await expect(executeInContainer(none, 'a', 'true')).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
  await expect(startContainer(none, { image: 'a' })).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
});
