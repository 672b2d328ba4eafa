import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../../test/support/engines.ts';
import type { ContainerStart, ResolvedContainer } from '../core/context.ts';
import type { Place, Scope } from '../core/runtime.ts';
import { localHost } from '../hosts/local.ts';
import { ociRuntime } from './oci.ts';

const host = localHost();
const unique = randomBytes(4).toString('hex');

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], `a container of ${engine} that berth starts`, () => {
    const runtime = ociRuntime(engine);
    const places: Place[] = [];
    let dir = '';
    let attempt = 0;
    const call = (...args: string[]) =>
      host.exec({ argv: [engine, ...args], cwd: null, env: {} }, { timeoutMs: 60_000 });
    const scope = (): Scope => ({ task: 1, attempt, owner: `owned:${engine}:${unique}`, workdir: dir });
    const prepare = async (start: Partial<ContainerStart> = {}, image = 'berth-busybox:latest') => {
      attempt += 1;
      const place = await runtime.prepare(host, wanted(engine, image, start), scope());
      places.push(place);
      return place;
    };
    const inside = async (place: Place, ...argv: string[]) =>
      host.exec(runtime.enter(place, { argv, cwd: null, env: {} }, { stdin: false, tty: false }), {
        timeoutMs: 20_000,
      });
    const leftovers = async () =>
      (await call('ps', '--all', '--quiet', '--filter', `label=dev.berth.owner=owned:${engine}:${unique}`))
        .stdout;

    beforeAll(async () => {
      dir = await realpath(await mkdtemp(join(tmpdir(), 'berth owned, ')));
    });
    afterEach(async () => {
      for (const place of places.splice(0)) await runtime.dispose(host, place);
      expect(await leftovers()).toBe('');
    });
    afterAll(() => rm(dir, { recursive: true }));

    test('has an init, our labels, a bounded log, and its own host name in the place', async () => {
      const place = await prepare();
      const { stdout } = await call('container', 'inspect', place.id ?? '');
      const [facts] = JSON.parse(stdout);

      expect(facts.HostConfig.Init).toBe(true);
      expect(facts.Config.Labels).toMatchObject({
        'dev.berth.task': '1',
        'dev.berth.attempt': String(attempt),
        'dev.berth.owner': `owned:${engine}:${unique}`,
      });
      expect(JSON.stringify(facts.HostConfig.LogConfig)).toMatch(/10m|10MB/i);
      expect((await inside(place, 'hostname')).stdout.trim()).toBe(place.container?.hostname);
    });

    test('ends when asked, and is not killed, because its init passes the signal on', async () => {
      const place = await prepare();
      await call('stop', '-t', '60', place.id ?? '');

      expect(await runtime.postmortem(host, place)).toMatchObject({
        state: 'stopped',
        oom: false,
        cause: expect.stringContaining('ended with code 143'),
      });
    });

    test('is not started twice for one attempt, and a dead one of that attempt is replaced', async () => {
      const first = await prepare();
      const again = await runtime.prepare(host, wanted(engine, 'berth-busybox:latest', {}), scope());
      await call('kill', first.id ?? '');
      const fresh = await runtime.prepare(host, wanted(engine, 'berth-busybox:latest', {}), scope());
      places.push(fresh);

      expect(again.id).toBe(first.id);
      expect(fresh.id).not.toBe(first.id);
    });

    // podman splits the option at every comma before version 4.4
    test.runIf(engine === 'docker')(
      'mounts the work directory, and its files belong to the caller',
      async () => {
        const place = await prepare({ volumes: [`${dir}:/work dir`] });
        const made = await inside(place, 'sh', '-c', 'echo "$HOME"; umask; touch "/work dir/made"');

        expect(made.exitCode).toBe(0);
        expect((await stat(join(dir, 'made'))).uid).toBe(process.getuid?.());
        await rm(join(dir, 'made'));
      },
    );

    test('a caller who is not root gets files of their own, and a home to write to', async () => {
      const other = await realpath(await mkdtemp(join(tmpdir(), 'berth-caller-')));
      await chown(other, 12_345, 23_456);
      const asOther = {
        ...host,
        exec: (...[command, options]: Parameters<typeof host.exec>) =>
          command.argv[0] === 'id'
            ? Promise.resolve({
                exitCode: 0,
                stdout: command.argv[1] === '-u' ? '12345\n' : '23456\n',
                stderr: '',
                failure: null,
              })
            : host.exec(command, options),
      };
      attempt += 1;
      const asked = wanted(engine, 'berth-busybox:latest', { volumes: ['./:/src'] });
      const place = await runtime.prepare(asOther, asked, { ...scope(), workdir: other });
      places.push(place);
      const made = await inside(place, 'sh', '-c', 'touch /src/made "$HOME/cache" && id -u');
      const { uid, gid } = await stat(join(other, 'made'));
      await rm(other, { recursive: true });

      expect(made).toMatchObject({ exitCode: 0, stdout: '12345\n' });
      expect({ uid, gid }).toEqual({ uid: 12_345, gid: 23_456 });
    });

    test('a path that does not exist is an error, and no directory appears', async () => {
      const missing = join(tmpdir(), `berth-missing-${unique}`);

      await expect(prepare({ volumes: [`${missing}:/x`] })).rejects.toMatchObject({
        code: 'FILE_NOT_FOUND',
        message: expect.stringContaining(missing),
      });
      expect(await readdir(tmpdir())).not.toContain(`berth-missing-${unique}`);
    });

    test('an image that is not there is not pulled, and the error names the command', async () => {
      await expect(prepare({}, 'berth-nowhere/none:1')).rejects.toMatchObject({
        code: 'IMAGE_MISSING',
        hint: expect.stringContaining(`${engine} pull berth-nowhere/none:1`),
      });
    });

    test('an image without a shell says so', async () => {
      await expect(prepare({}, 'berth-scratch:latest')).rejects.toMatchObject({ code: 'NO_SHELL' });
    });

    test('a port that another container holds is named with its holder', async () => {
      const holder = await prepare({ ports: ['3000'] });
      const { stdout } = await call('port', holder.id ?? '');
      const [address = '', port = ''] = stdout.trim().split(' -> ')[1]?.split(':') ?? [];
      const name = (await call('inspect', '--format', '{{.Name}}', holder.id ?? '')).stdout
        .trim()
        .replace('/', '');

      expect(address).toBe('127.0.0.1');
      await expect(prepare({ ports: [`${port}:80`] })).rejects.toMatchObject({
        code: 'PORT_TAKEN',
        message: `Port ${port} is taken by the ${engine} container ${name}.`,
      });
    });

    test('a port that a program holds is named with the program', async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : 0;
      const failed = prepare({ ports: [`${port}:80`] });

      await expect(failed).rejects.toMatchObject({
        code: 'PORT_TAKEN',
        message: expect.stringContaining(`(process ${process.pid})`),
      });
      server.close();
    });

    test('an attempt that ran out of memory is told', async () => {
      const place = await prepare({ engineArgs: ['--memory=12m', '--memory-swap=12m'] });
      const killed = await inside(place, 'sh', '-c', 'x=aa; while :; do x=$x$x; done');

      expect(killed.exitCode).toBe(137);
      expect(await runtime.postmortem(host, place)).toMatchObject({
        state: 'running',
        oom: true,
        cause: expect.stringContaining('memory'),
      });
    });

    test('the hardened profile takes the network and the root file system away', async () => {
      const place = await prepare({ hardened: true });
      const tried = await inside(place, 'sh', '-c', 'touch /x; touch /tmp/x && ls /sys/class/net');

      expect(tried.stderr).toMatch(/[Rr]ead-only file system/);
      expect(tried.stdout.trim()).toBe('lo');
    });

    test('a place that claims a foreign container does not remove it', async () => {
      const name = `berth-r-foreign-${unique}`;
      const foreign = (
        await call('run', '-d', '--init', '--pull=never', '--name', name, 'berth-busybox', 'sleep', '99')
      ).stdout;
      await runtime.dispose(host, {
        runtime: engine,
        id: foreign.trim(),
        owned: true,
        container: null,
        user: null,
      });
      const still = await call('inspect', '--format', '{{.State.Status}}', name);
      await call('rm', '--force', name);

      expect(still.stdout).toBe('running\n');
    });

    test('a container in any state but running is never woken up', async () => {
      const name = `berth-r-asleep-${unique}`;
      const codes: unknown[] = [];
      const enter = () =>
        runtime.prepare(host, { ...wanted(engine, '', {}), image: null, id: name }, scope()).then(
          () => 'entered',
          (error) => codes.push(error.code, error.hint),
        );
      await call('create', '--init', '--pull=never', '--name', name, 'berth-busybox', 'sleep', '99');
      await enter();
      await call('start', name);
      await call('pause', name);
      await enter();
      await call('unpause', name);
      await call('kill', name);
      await host.exec({ argv: [engine, 'wait', name], cwd: null, env: {} }, { timeoutMs: 10_000 });
      await enter();
      await call('rm', '--force', name);
      await enter();

      expect(codes).toEqual([
        'CONTAINER_CREATED',
        `Start it with \`${engine} start ${name}\`.`,
        'CONTAINER_PAUSED',
        `Wake it with \`${engine} unpause ${name}\`.`,
        'CONTAINER_NOT_RUNNING',
        `Start it with \`${engine} start ${name}\`.`,
        'CONTAINER_NOT_FOUND',
        `\`${engine} ps --all\` lists those that exist.`,
      ]);
    });
  });
}

function wanted(
  engine: 'docker' | 'podman',
  image: string,
  start: Partial<ContainerStart>,
): ResolvedContainer {
  return {
    type: engine,
    runtime: engine,
    engine,
    id: null,
    hostname: null,
    image,
    project: null,
    service: null,
    compose: null,
    pod: null,
    namespace: null,
    kubeContext: null,
    volumes: {},
    ports: {},
    start: { volumes: [], ports: [], engineArgs: [], hardened: false, build: null, ...start },
    reason: 'the test says so',
    rejected: [],
  };
}
