import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth, endOf, until } from './support/berth.ts';
import { call } from './support/boxes.ts';
import { describeWith } from './support/engines.ts';

const IMAGE = 'berth-busybox:latest';

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], `berth container, with ${engine}`, () => {
    let berth: Berth;
    beforeAll(() => {
      berth = new Berth();
    });
    afterAll(() => berth[Symbol.asyncDispose]());
    const aName = () => `berth-verb-${randomBytes(4).toString('hex')}`;
    const start = (name: string, ...more: readonly string[]) =>
      berth.run(['container', 'start', IMAGE, '--container-type', engine, '--name', name, ...more]);
    const names = async () => (await call(engine, 'ps', '--all', '--format', '{{.Names}}')).split('\n');

    test('start, exec, the list and stop work on one container, which is gone in the end', async () => {
      const name = aName();
      const options = [
        '--env',
        'GREETING=hello $USER',
        '--user',
        '1000',
        '--workdir',
        '/tmp',
        '--volume',
        '.:/src:ro',
      ];
      const started = await start(name, ...options, '--', 'sleep', '1000');
      const rows = await berth.json(['containers', '--image', 'berth-busybox']);
      const used = await berth.run([
        'container',
        'exec',
        name,
        '--',
        'sh',
        '-c',
        'echo "$GREETING"; id -u; pwd; grep -c " /src .* ro," /proc/mounts',
      ]);
      const told = await berth.json([
        'container',
        'exec',
        name,
        '--',
        'sh',
        '-c',
        'echo out; echo err >&2; exit 7',
      ]);
      const stopped = await berth.run(['container', 'stop', name, '--force']);

      expect(started).toMatchObject({
        code: 0,
        stderr: '',
        stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/),
      });
      expect(rows.map((row: { name: string }) => row.name)).toContain(name);
      expect(used).toEqual({ code: 0, stdout: 'hello $USER\n1000\n/tmp\n1\n', stderr: '' });
      expect(told).toEqual({ stdout: 'out\n', stderr: 'err\n', exit_code: 7 });
      expect(stopped.code).toBe(0);
      expect(await names()).not.toContain(name);
    });

    test('a port that is taken is told with its holder, and nothing is left', async () => {
      const name = aName();
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as { port: number };
      const refused = await start(name, '--port', `${port}:80`, '--', 'sleep', '1000');
      server.close();

      expect(refused).toMatchObject({
        code: 69,
        stderr: expect.stringContaining(`PORT_TAKEN: Port ${port} is taken`),
      });
      expect(await names()).not.toContain(name);
    });

    test.each([
      ['an image that is not there', [`berth-none-${engine}`], 69, 'IMAGE_MISSING'],
      ['a path that is not there', [IMAGE, '--volume', '/no/such/dir:/x'], 66, 'FILE_NOT_FOUND'],
      ['an image that begins with a dash', ['--', '--privileged'], 64, 'INVALID_VALUE'],
      ['a name with a newline', [IMAGE, '--name', 'a\nb'], 64, 'INVALID_VALUE'],
    ])('%s is refused', async (_, words, code, name) => {
      const refused = await berth.run(['container', 'start', '--container-type', engine, ...words]);

      expect(refused).toMatchObject({
        code,
        stdout: '',
        stderr: expect.stringContaining(`berth: ${name}: `),
      });
    });

    test('with --no-detach its output and its exit code are berth’s, and it is gone', async () => {
      const name = aName();
      const ended = await start(name, '--no-detach', '--', 'sh', '-c', 'echo out; echo err >&2; exit 5');

      expect(ended).toEqual({ code: 5, stdout: 'out\n', stderr: 'err\n' });
      expect(await names()).not.toContain(name);
    });

    test('with --build the image is made from the build file here first', async () => {
      const [name, image] = [aName(), `berth-built-${randomBytes(4).toString('hex')}`];
      const dir = mkdtempSync(join(tmpdir(), 'berth-build-'));
      writeFileSync(
        join(dir, 'Dockerfile'),
        `FROM ${IMAGE}\nCMD ["sh", "-c", "cat /made"]\nCOPY Dockerfile /made\n`,
      );
      const words = ['container', 'start', image, '--container-type', engine, '--name', name];
      const before = await berth.run([...words, '--no-detach'], dir);
      const built = await berth.run([...words, '--no-detach', '--build'], dir);
      const lone = await berth.run([...words, '--build']);
      const ran = await berth.run(
        [
          'run',
          '--container-type',
          engine,
          '--container-image',
          `${image}-2`,
          '--build',
          '--',
          'cat',
          '/made',
        ],
        dir,
      );
      await call(engine, 'rmi', image, `${image}-2`);
      rmSync(dir, { recursive: true });

      expect(before).toMatchObject({ code: 69, stderr: expect.stringContaining('IMAGE_MISSING') });
      expect(built).toMatchObject({ code: 0, stdout: expect.stringContaining(`FROM ${IMAGE}`) });
      expect(lone).toMatchObject({ code: 66, stderr: expect.stringContaining('has no build file') });
      expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining(`FROM ${IMAGE}`) });
    });

    test('a hardened task has no capabilities, no network and no root to write to, but its project', async () => {
      const dir = mkdtempSync(join(tmpdir(), 'berth-hardened-'));
      const show = [
        'grep -E "^(CapEff|NoNewPrivs)" /proc/self/status',
        'ls /sys/class/net',
        'touch /x 2>/dev/null || echo read-only',
        'touch "$HOME/home" "$PWD/made" && echo written',
      ].join('; ');
      const words = [
        '--container-type',
        engine,
        '--container-image',
        IMAGE,
        '--hardened',
        '--',
        'sh',
        '-c',
        show,
      ];
      const ran = await berth.run(['run', ...words], dir);
      const made = readdirSync(dir);
      rmSync(dir, { recursive: true });

      expect(ran).toMatchObject({ code: 0, stderr: '' });
      expect(ran.stdout.replaceAll('\t', ' ')).toBe(
        'CapEff: 0000000000000000\nNoNewPrivs: 1\nlo\nread-only\nwritten\n',
      );
      expect(made).toEqual(['made']);
    });

    test('what is for a new container is refused in one that is there', async () => {
      const name = aName();
      await start(name, '--volume', '.:/src', '--', 'sleep', '1000');
      const found = ['run', '--use-container', '--container-type', engine];
      const named = await berth.run(['run', '--container', name, '--hardened', '--', 'true']);
      const alone = await berth.run(['run', '--hardened', '--', 'true']);
      const without = await berth.run([...found, '--hardened', '--allow-host', '--', 'true']);
      await berth.run(['container', 'stop', name, '--force']);

      expect(named).toMatchObject({
        code: 64,
        stderr: expect.stringContaining('CONTEXT_CONFLICT: --hardened'),
      });
      expect(alone).toMatchObject({ code: 64, stderr: expect.stringContaining('none is asked for') });
      expect(without).toMatchObject({ code: 125, stdout: '' });
    });

    test('Ctrl-C to a berth that stays with it stops it', async () => {
      const name = aName();
      const child = berth.start([
        'container',
        'start',
        IMAGE,
        '--container-type',
        engine,
        '--name',
        name,
        '--no-detach',
        '--',
        'sleep',
        '1000',
      ]);
      await until('it runs', async () => (await names()).includes(name));
      child.kill('SIGINT');
      const { code } = await endOf(child);

      expect(code).toBe(143);
      expect(await names()).not.toContain(name);
    });

    test('a command whose berth is killed leaves nothing, and what cannot start is told', async () => {
      const name = aName();
      await start(name, '--', 'sleep', '1000');
      const child = berth.start([
        'container',
        'exec',
        name,
        '--',
        'sh',
        '-c',
        'setsid sleep 77 & echo up; sleep 77',
      ]);
      const said: string[] = [];
      child.stdout?.on('data', (chunk) => said.push(String(chunk)));
      await until('it runs', () => said.join('').includes('up'));
      child.kill('SIGKILL');
      const sleeping = () =>
        call(engine, 'exec', name, 'sh', '-c', "grep -ls '^sleep.77' /proc/[0-9]*/cmdline; :");

      await until('nothing is left', async () => (await sleeping()) === '');
      const missing = await berth.run(['container', 'exec', name, '--', 'no-such-program']);
      const lone = await berth.run(['container', 'exec', `${name}-x`, '--', 'true']);
      await berth.run(['container', 'stop', name, '--force']);
      expect(missing).toMatchObject({ code: 69, stderr: expect.stringContaining('PROGRAM_NOT_FOUND') });
      expect(lone).toMatchObject({ code: 69, stderr: expect.stringContaining('CONTAINER_NOT_FOUND') });
    });

    test('the program of an image without a shell runs attached, and the engine stops it', async () => {
      const name = aName();
      const words = ['--container-type', engine, '--name', name, '--no-detach', '--'];
      const ended = await berth.run([
        'container',
        'start',
        'berth-scratch:latest',
        ...words,
        '/bin/echo',
        'hello',
      ]);
      const child = berth.start([
        'container',
        'start',
        'berth-scratch:latest',
        ...words,
        '/bin/sleep',
        '1000',
      ]);
      await until('it runs', async () => (await names()).includes(name));
      child.kill('SIGTERM');
      const { code } = await endOf(child);

      expect(ended).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
      expect(code).toBe(143);
      expect(await names()).not.toContain(name);
    });

    test('an image without a shell is used by the engine’s own means', async () => {
      const name = aName();
      await berth.run([
        'container',
        'start',
        'berth-scratch:latest',
        '--container-type',
        engine,
        '--name',
        name,
      ]);
      const used = await berth.run(['container', 'exec', name, '--', 'echo', 'hello']);
      const missing = await berth.run(['container', 'exec', name, '--', 'no-such-program']);
      const run = await berth.run([
        'run',
        '--container-type',
        engine,
        '--container',
        name,
        '--',
        'echo',
        'hello',
      ]);
      await berth.run(['container', 'stop', name, '--force']);

      expect(used).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
      expect(missing).toMatchObject({ code: 69, stderr: expect.stringContaining('PROGRAM_NOT_FOUND') });
      expect(run).toMatchObject({ code: 125, stderr: expect.stringContaining('NO_SHELL') });
    });
  });
}
