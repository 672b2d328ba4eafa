import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '../../test/support/engines.ts';
import type { Inspector } from '../core/inspect.ts';
import { localHost } from '../hosts/local.ts';
import { dockerSocket, socketReader } from './engine-socket.ts';
import { cliInspector, cliReader, type EngineReader, inspectorOver, isNamedLike } from './inspector.ts';

const host = localHost();

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], `what ${engine} knows of a container`, () => {
    const name = `berth-r-inspect-${randomBytes(4).toString('hex')}`;
    const call = (...args: string[]) =>
      host.exec({ argv: [engine, ...args], cwd: null, env: {} }, { timeoutMs: 60_000 });
    let dir = '';
    let id = '';

    beforeAll(async () => {
      dir = await realpath(await mkdtemp(join(tmpdir(), 'berth-inspect-')));
      const made = await call(
        ...['run', '--detach', '--init', '--pull=never', `--name=${name}`, '--hostname=inspected'],
        ...[
          '--tmpfs=/scratch',
          '--label',
          `berth.test=${name}`,
          '--label',
          'comma=a,b=c',
          '--workdir=/tmp',
          '--user=1000:1000',
        ],
        ...[`--mount=type=bind,source=${dir},target=/data,readonly`, '--publish=127.0.0.1::3000/tcp'],
        ...['--env=GREETING=hello world', 'berth-busybox:latest', 'sleep', '1000'],
      );
      expect(made.stderr).toBe('');
      id = made.stdout.trim();
    });
    afterAll(async () => {
      await call('rm', '--force', '--volumes', name);
      await rm(dir, { recursive: true });
    });

    const ways: readonly (readonly [string, () => Inspector])[] = [
      ['its program', () => inspectorOver(engine, cliReader(host, engine))],
      ['whichever way is fastest', () => cliInspector(host, engine)],
    ];
    test.each(ways)('is the same by name, by id and by label, asked through %s', async (_, open) => {
      const inspector = open();
      const [byName, byId, byLabels] = await Promise.all([
        inspector.container(name),
        inspector.container(id),
        inspector.byLabels({ 'berth.test': name, comma: '' }),
      ]);

      expect(byName).toMatchObject({
        id,
        name,
        hostname: 'inspected',
        state: 'running',
        exitCode: null,
        workingDir: '/tmp',
        user: '1000:1000',
        mounts: [
          { type: 'bind', source: dir, destination: '/data', readOnly: true },
          { type: 'tmpfs', destination: '/scratch', readOnly: false },
        ],
      });
      expect(byName?.labels).toMatchObject({ 'berth.test': name, comma: 'a,b=c' });
      expect(Object.values(byName?.ports ?? {})).toEqual(['3000/tcp']);
      expect(byName?.env).toContain('GREETING=hello world');
      expect(byName?.imageId).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(byId).toEqual(byName);
      expect(byLabels).toEqual([byName]);
    });

    test('a label that has the wanted value only as a beginning does not count', async () => {
      expect(await cliInspector(host, engine).byLabels({ 'berth.test': name.slice(0, -1) })).toEqual([]);
    });

    test('a container that does not exist is null, and so is an image', async () => {
      const inspector = inspectorOver(engine, cliReader(host, engine));

      expect(await inspector.container('berth-r-never-was')).toBeNull();
      expect(await inspector.image('berth-r-never-was:latest')).toBeNull();
    });

    test('running containers of an image are found by its name with and without a tag', async () => {
      const inspector = cliInspector(host, engine);

      for (const image of ['berth-busybox', 'berth-busybox:latest']) {
        expect((await inspector.running(image)).map((one) => one.id)).toContain(id);
      }
      expect((await inspector.running('busybox')).map((one) => one.id)).not.toContain(id);
      expect(await inspector.running('berth-r-no-such-image')).toEqual([]);
    });

    test.each(ways)(
      'of volumes only those that bind a directory count, asked through %s',
      async (_, open) => {
        const bound = ['--opt=type=none', '--opt=o=ro,bind', `--opt=device=${dir}`, `${name}-bound`];
        await call('volume', 'create', ...bound);
        await call('volume', 'create', `${name}-own`);
        try {
          const names = [`${name}-bound`, `${name}-own`, `${name}-never-was`];
          expect(await open().boundVolumes(names)).toEqual({ [`${name}-bound`]: dir });
          expect(await open().boundVolumes([])).toEqual({});
        } finally {
          await call('volume', 'rm', `${name}-bound`, `${name}-own`);
        }
      },
    );

    test('an image tells its id', async () => {
      expect((await cliInspector(host, engine).image('berth-busybox:latest'))?.id).toMatch(/^sha256:/);
    });
  });
}

describeWith(['docker'], 'the socket of docker', () => {
  const socket = dockerSocket(process.env);

  test.runIf(socket !== null)('answers what the program answers', async () => {
    const fast = inspectorOver('docker', socketReader(socket ?? ''));
    const slow = inspectorOver('docker', cliReader(host, 'docker'));
    const image = 'berth-busybox:latest';

    expect(await fast.image(image)).toEqual(await slow.image(image));
    expect(await fast.image('localhost/no/such:image')).toBeNull();
    expect(await fast.container('berth-r-never-was')).toBeNull();
  });

  test('a socket that gives trouble is left for the program, once and for all', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-socket-'));
    let asked = 0;
    const server = createServer((_, answer) => {
      asked += 1;
      answer.writeHead(500).end('{"message":"no"}');
    });
    await new Promise<void>((resolve) => server.listen(join(dir, 'd.sock'), resolve));
    const before = process.env.DOCKER_HOST;
    process.env.DOCKER_HOST = `unix://${dir}/d.sock`;
    const inspector = cliInspector(
      { ...host, exec: (c, o) => host.exec({ ...c, env: { DOCKER_HOST: before ?? '' } }, o) },
      'docker',
    );
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;

    expect(await inspector.image('berth-busybox:latest')).not.toBeNull();
    expect(await inspector.image('berth-busybox:latest')).not.toBeNull();
    expect(asked).toBe(1);
    server.close();
    await rm(dir, { recursive: true });
  });
});

describe('the endpoint that docker would use', () => {
  test.each([
    [{ HOME: '/nowhere' }, '/var/run/docker.sock'],
    [{ HOME: '/nowhere', DOCKER_HOST: 'unix:///run/user/1/docker.sock' }, '/run/user/1/docker.sock'],
    [{ HOME: '/nowhere', DOCKER_HOST: 'ssh://build' }, null],
    [{ HOME: '/nowhere', DOCKER_CONTEXT: 'gone' }, null],
    [{ HOME: '/nowhere', DOCKER_HOST: 'unix:///a.sock', DOCKER_CONTEXT: 'gone' }, '/a.sock'],
  ])('of %j is %s', (env, path) => {
    expect(dockerSocket(env)).toBe(path);
  });

  test('is none where docker is podman under another name', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-as-docker-'));
    const at = (name: string) => join(dir, name, 'docker');
    for (const name of ['link', 'script', 'program']) await mkdir(dirname(at(name)));
    await writeFile(join(dir, 'podman'), '');
    await symlink(join(dir, 'podman'), at('link'));
    await writeFile(at('script'), '#!/bin/sh\nexec /usr/bin/podman "$@"\n');
    await writeFile(at('program'), 'something else');
    const sockets = ['link', 'script', 'program'].map((name) =>
      dockerSocket({ HOME: '/nowhere', PATH: `/no/such/dir:${dirname(at(name))}` }),
    );
    await rm(dir, { recursive: true });

    expect(sockets).toEqual([null, null, '/var/run/docker.sock']);
  });
});

describe('without an engine', () => {
  const nothing: EngineReader = {
    list: async () => [],
    inspect: async () => [],
    image: async () => null,
    volumes: async () => [],
  };

  test.each(['', '-x', 'a b', 'a\nb', 'a\0'])(
    'the name %j is refused before any engine sees it',
    async (name) => {
      const inspector = inspectorOver('docker', nothing);

      await expect(inspector.container(name)).rejects.toMatchObject({ code: 'INVALID_VALUE' });
      await expect(inspector.image(name)).rejects.toMatchObject({ code: 'INVALID_VALUE' });
      await expect(inspector.running(name)).rejects.toMatchObject({ code: 'INVALID_VALUE' });
    },
  );

  test('an engine that is not installed is unavailable, with the next step', async () => {
    const bare = {
      ...host,
      exec: () => host.exec({ argv: ['/nowhere/docker'], cwd: null, env: {} }, { timeoutMs: 1_000 }),
    };

    await expect(cliReader(bare, 'docker').image('a')).rejects.toMatchObject({
      code: 'RUNTIME_UNAVAILABLE',
      message: 'docker is not installed on this machine.',
      hint: expect.stringContaining('berth runtimes'),
    });
  });

  test.each([
    ['myapp:latest', 'myapp', true],
    ['localhost/myapp:latest', 'myapp', true],
    ['registry:5000/team/myapp:1@sha256:abc', 'team/myapp', true],
    ['myapp:latest', 'myapp:latest', true],
    ['notmyapp:latest', 'myapp', false],
    ['myapp:2', 'myapp:1', false],
    ['registry:5000/other', 'registry', false],
  ])('%s is named by %s: %s', (reference, wanted, named) => {
    expect(isNamedLike(reference, wanted)).toBe(named);
  });
});
