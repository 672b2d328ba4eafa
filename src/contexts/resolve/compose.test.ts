import { describe, expect, test } from 'vitest';
import { resolveContext } from '../resolve.ts';
import {
  asked,
  berthYaml,
  bind,
  composed,
  db,
  type MadeUp,
  madeUp,
  project,
  request,
  service,
  shop,
} from './made-up.ts';

function resolve(facts: MadeUp, options = asked()) {
  return resolveContext(request('/p', { container: options }), madeUp(facts));
}

function refusal(code: string, text = '', hint = '') {
  return expect.objectContaining({
    code,
    message: expect.stringContaining(text),
    hint: expect.stringContaining(hint),
  });
}

/** The project with its web container in another state. */
function inState(
  state: 'exited' | 'paused' | 'restarting' | 'created',
  exitCode: number | null = null,
): MadeUp {
  return { ...shop, docker: [composed('web', '/p', { state, exitCode })] };
}

describe('a Compose service', () => {
  test('is entered by the id of its running container, in the directory that its mount shows', async () => {
    const resolved = await resolveContext(
      request('/p/sub', { container: asked() }),
      madeUp({ ...shop, root: '/p' }),
    );
    expect(resolved).toMatchObject({
      dir: { host: '/p/sub', target: '/app/sub' },
      container: {
        type: 'docker_compose',
        runtime: 'compose',
        engine: 'docker',
        id: 'id-of-shop-web-1',
        hostname: 'host-of-shop-web-1',
        project: 'shop',
        service: 'web',
        compose: { dir: '/p', files: ['/p/compose.yaml'] },
        volumes: { '/p': '/app' },
        start: null,
        rejected: [{ name: 'db', reason: expect.stringContaining('a database') }],
      },
    });
  });

  test('is found through symlinks on either side', async () => {
    const links = { '/link': '/p' };
    const linked = {
      ...shop,
      links,
      docker: [composed('web', '/link', { mounts: [bind('/link', '/app')] })],
    };
    const resolved = await resolveContext(
      request('/link/sub', { container: asked() }),
      madeUp({ ...linked, root: '/p' }),
    );
    expect(resolved.dir).toEqual({ host: '/link/sub', target: '/app/sub' });
  });

  test('that was stopped is never entered, and the hint starts it', async () => {
    await expect(resolve(inState('exited', 137))).rejects.toEqual(
      refusal(
        'SERVICE_NOT_RUNNING',
        'its container has exited (exit code 137)',
        '`docker compose up -d web`',
      ),
    );
    await expect(resolve({ ...shop, docker: [] })).rejects.toEqual(
      refusal('SERVICE_NOT_RUNNING', 'it has no container', '`docker compose up -d web`'),
    );
  });

  test('that is paused, restarting or only created has a code of its own', async () => {
    await expect(resolve(inState('paused'))).rejects.toEqual(
      refusal('CONTAINER_PAUSED', '"web"', 'docker unpause shop-web-1'),
    );
    await expect(resolve(inState('restarting', 1))).rejects.toEqual(
      refusal('CONTAINER_RESTARTING', 'exit code 1'),
    );
    await expect(resolve(inState('created'))).rejects.toEqual(refusal('CONTAINER_CREATED'));
  });

  test('that is stopped is brought up where starts are allowed, in the directory that the file mounts', async () => {
    const resolved = await resolve(inState('exited', 0), asked({ start: true }));
    expect(resolved).toMatchObject({
      dir: { target: '/app' },
      container: { id: null, service: 'web', start: { build: null }, volumes: { '/p': '/app' } },
    });
  });

  test('a service that was brought up hides a directory under its own tmpfs', async () => {
    const volume = { type: 'bind', source: '/p', target: '/app', readOnly: false } as const;
    const web = service('web', { volumes: [volume], tmpfs: ['/app/tmp'] });
    const world = madeUp({ ...shop, docker: [], project: project('/p', web) });
    const inside = resolveContext(request('/p/tmp', { container: asked({ start: true }) }), world);

    await expect(inside).rejects.toEqual(refusal('DIRECTORY_NOT_MAPPED', 'lies over it, on /app/tmp'));
  });

  test('that is paused is not brought up: nobody knows why it was paused', async () => {
    await expect(resolve(inState('paused'), asked({ start: true }))).rejects.toEqual(
      refusal('CONTAINER_PAUSED'),
    );
  });

  test('of a checkout with the same name elsewhere is not this one’s', async () => {
    const clone = {
      ...shop,
      docker: [
        composed('db', '/other/shop'),
        composed('web', '/other/shop', { mounts: [bind('/other/shop', '/app')] }),
      ],
    };
    const mismatch = refusal(
      'PROJECT_MISMATCH',
      'started from /other/shop, not from /p',
      '--container shop-web-1',
    );
    await expect(resolve(clone)).rejects.toEqual(mismatch);
    await expect(resolve(clone, asked({ start: true }))).rejects.toEqual(mismatch);
  });

  test('is found under another project name if it was started from here', async () => {
    const renamed = {
      ...shop,
      docker: [composed('web', '/p', { project: 'x', mounts: [bind('/p', '/app')] })],
    };
    expect((await resolve(renamed)).container).toMatchObject({ project: 'x', id: 'id-of-x-web-1' });
  });

  test('with several replicas is its first, and says so', async () => {
    const mounts = [bind('/p', '/app')];
    const scaled = [3, 10, 2].map((number) => composed('web', '/p', { number, mounts }));
    const resolved = await resolve({ ...shop, docker: scaled });
    expect(resolved.container?.id).toBe('id-of-shop-web-2');
    expect(resolved.warnings[0]).toMatch(/3 containers; the task uses shop-web-2/);
  });

  test('is not its one-off container', async () => {
    const oneOff = composed('web', '/p', { labels: { 'com.docker.compose.oneoff': 'True' } });
    await expect(resolve({ ...shop, docker: [oneOff] })).rejects.toEqual(refusal('SERVICE_NOT_RUNNING'));
  });

  test('that podman runs is found when docker has none', async () => {
    const inPodman = {
      ...shop,
      docker: [],
      podman: [composed('web', '/p', { mounts: [bind('/p', '/app')] })],
    };
    expect((await resolve(inPodman)).container).toMatchObject({ engine: 'podman', runtime: 'compose' });
    const resolved = await resolve({ ...inPodman, docker: 'silent' });
    expect(resolved.warnings).toEqual(['docker was passed over for podman: docker does not answer.']);
  });

  test('that is unhealthy is entered with a warning', async () => {
    const ill = [composed('web', '/p', { health: 'unhealthy', mounts: [bind('/p', '/app')] })];
    expect((await resolve({ ...shop, docker: ill })).warnings).toEqual([
      'The container shop-web-1 reports that it is unhealthy.',
    ]);
  });
});

describe('a directory without a mount', () => {
  const bare = { ...shop, project: project('/p', service('web'), db), docker: [composed('web', '/p')] };

  test('is the container’s own directory at the top of the project, with a warning', async () => {
    const resolved = await resolve(bare);
    expect(resolved.dir.target).toBe('/srv');
    expect(resolved.warnings).toEqual([
      'No mount of service "web" shows /p; the task runs in its own directory /srv.',
    ]);
  });

  test('is refused below the top: nothing tells where it is', async () => {
    const below = resolveContext(request('/p/sub', { container: asked() }), madeUp({ ...bare, root: '/p' }));
    await expect(below).rejects.toEqual(refusal('DIRECTORY_NOT_MAPPED', '/p/sub is not in service "web"'));
  });

  test('is that of a named volume that binds the directory', async () => {
    const mounts = [
      { type: 'volume' as const, source: '/var/lib/x', destination: '/app', readOnly: false, volume: 'code' },
    ];
    const facts = { ...shop, docker: [composed('web', '/p', { mounts })] };
    const question = request('/p/sub', { container: asked() });

    await expect(resolveContext(question, madeUp({ ...facts, root: '/p' }))).rejects.toMatchObject({
      code: 'DIRECTORY_NOT_MAPPED',
    });
    expect(
      await resolveContext(question, madeUp({ ...facts, root: '/p', boundVolumes: { code: '/p' } })),
    ).toMatchObject({ dir: { target: '/app/sub' }, container: { volumes: { '/p': '/app' } } });
  });

  test('is refused where a volume hides it', async () => {
    const mounts = [
      bind('/p', '/app'),
      { type: 'volume', source: 'v', destination: '/app/node_modules', readOnly: false } as const,
    ];
    const hidden = resolveContext(
      request('/p/node_modules', { container: asked() }),
      madeUp({ ...shop, root: '/p', docker: [composed('web', '/p', { mounts })] }),
    );
    await expect(hidden).rejects.toEqual(
      refusal('DIRECTORY_NOT_MAPPED', 'another mount lies over it, on /app/node_modules'),
    );
  });

  test('does not keep a database from being entered by name', async () => {
    const resolved = await resolveContext(
      request('/p/sub', { container: asked({ service: 'db' }) }),
      madeUp({ ...shop, root: '/p' }),
    );
    expect(resolved).toMatchObject({ dir: { target: '/srv' }, container: { service: 'db' } });
  });

  test('is where berth.yaml says', async () => {
    const file = { ...berthYaml({}), workdir: { host: '/p', target: '/code' } };
    const resolved = await resolveContext(
      request('/p/sub', { container: asked() }),
      madeUp({ ...bare, root: '/p', file }),
    );
    expect(resolved.dir.target).toBe('/code/sub');
  });
});
