import { describe, expect, test } from 'vitest';
import type { ContextRequest } from '../core/context.ts';
import {
  asked,
  berthYaml,
  bind,
  COMPOSE,
  candidate,
  composed,
  container,
  type MadeUp,
  madeUp,
  project,
  request,
  service,
  shop,
  web,
} from './resolve/made-up.ts';
import { resolveContext } from './resolve.ts';

function resolve(facts: MadeUp, options = asked(), more: Partial<ContextRequest> = {}) {
  return resolveContext(request('/p', { container: options, ...more }), madeUp(facts));
}

function refusal(code: string, text = '', hint = '') {
  return expect.objectContaining({
    code,
    message: expect.stringContaining(text),
    hint: expect.stringContaining(hint),
  });
}

describe('the host', () => {
  test('is the place of a task that asked for no container, whatever runs', async () => {
    const resolved = await resolve(shop, undefined, { container: null, env: { A: '1' } });
    expect(resolved).toMatchObject({
      container: null,
      dir: { host: '/p', target: '/p' },
      env: { A: '1' },
      warnings: [],
    });
  });

  test('is used with one warning when there are no container files', async () => {
    const resolved = await resolve({});
    expect(resolved.container).toBeNull();
    expect(resolved.warnings).toEqual(['/p has no container files; the task runs on the host.']);
  });

  test('is used without container files also when no engine answers', async () => {
    expect((await resolve({ docker: 'silent' })).container).toBeNull();
  });

  test('never stands in when there are files and no engine answers', async () => {
    await expect(resolve({ ...shop, docker: 'silent' })).rejects.toEqual(
      refusal('RUNTIME_UNAVAILABLE', 'docker has no daemon. podman has no daemon.', 'berth runtimes'),
    );
  });

  test('stands in where --allow-host permits it, and says why', async () => {
    const resolved = await resolve({ ...shop, docker: 'silent' }, asked({ allowHost: true }));
    expect(resolved.container).toBeNull();
    expect(resolved.warnings[0]).toMatch(/on the host, as allowed: Neither docker nor podman answers/);
  });

  test('does not stand in for an ambiguous choice, even with --allow-host', async () => {
    const tie = { ...shop, project: project('/p', web, { ...web, name: 'worker' }) };
    await expect(resolve(tie, asked({ allowHost: true }))).rejects.toEqual(refusal('CONTEXT_AMBIGUOUS'));
  });

  test('does not stand in for an explicit type that the files do not have', async () => {
    await expect(resolve({}, asked({ type: 'docker_compose' }))).rejects.toEqual(
      refusal('CONTAINER_NOT_DETECTED', 'docker_compose'),
    );
  });

  test('does not get a task whose directory is gone', async () => {
    await expect(resolve({ missing: ['/p'] })).rejects.toEqual(refusal('DIRECTORY_NOT_FOUND', '/p'));
  });
});

describe('precedence', () => {
  const two = {
    ...shop,
    project: project('/p', service('api', { build: { context: '/p', dockerfile: null } }), web),
    docker: [...(shop.docker as []), composed('api', '/p')],
  };

  test('an option beats berth.yaml, which beats the evidence', async () => {
    const file = berthYaml({ service: 'api' });
    expect((await resolve({ ...two, file }, asked({ service: 'web' }))).container?.service).toBe('web');
    expect((await resolve({ ...two, file })).container?.service).toBe('api');
    expect((await resolve(two)).container?.service).toBe('web');
  });

  test('a running Compose project of this directory beats a dev container that is not there', async () => {
    const facts = {
      ...shop,
      candidates: [candidate('devcontainer', '/p/.devcontainer/devcontainer.json'), COMPOSE],
    };
    expect((await resolve(facts)).container?.type).toBe('docker_compose');
  });

  test('a running container that mounts the directory beats a build file', async () => {
    const sandbox = container({ name: 'dev', mounts: [bind('/p', '/work')] });
    const resolved = await resolve({ candidates: [candidate('docker', '/p/Dockerfile')], docker: [sandbox] });
    expect(resolved).toMatchObject({
      dir: { target: '/work' },
      container: { type: 'docker', id: 'id-of-dev' },
    });
  });

  test('a running container that mounts the directory does not stand in for a stopped service', async () => {
    const sandbox = container({ name: 'agent', mounts: [bind('/p', '/work')] });
    await expect(resolve({ ...shop, docker: [sandbox] })).rejects.toEqual(refusal('SERVICE_NOT_RUNNING'));
  });

  test('a container that mounts the whole disk, a web server, and what berth started belong to no project', async () => {
    const others = [
      container({ name: 'monitor', mounts: [bind('/', '/host')] }),
      container({ name: 'static', image: 'nginx', mounts: [bind('/p', '/usr/share/nginx/html')] }),
      container({ name: 'own', labels: { 'dev.berth.task': '7' }, mounts: [bind('/p', '/p')] }),
    ];
    expect((await resolve({ docker: others })).container).toBeNull();
  });

  test('two running containers that mount the directory are a tie', async () => {
    const both = ['one', 'two'].map((name) => container({ name, mounts: [bind('/p', '/work')] }));
    await expect(resolve({ docker: both })).rejects.toEqual(
      refusal('CONTEXT_AMBIGUOUS', 'one, two', '--container one or --container two'),
    );
  });

  test('two running dev containers of different files are a tie', async () => {
    const both = ['a', 'b'].map((name) =>
      container({
        name,
        labels: {
          'devcontainer.local_folder': '/p',
          'devcontainer.config_file': `/p/.devcontainer/${name}/devcontainer.json`,
        },
      }),
    );
    await expect(resolve({ docker: both })).rejects.toEqual(
      refusal('CONTEXT_AMBIGUOUS', 'a, b', '--container a or --container b'),
    );
  });

  test('several dev container files and nothing that runs are a tie', async () => {
    const candidates = ['a', 'b'].map((name) =>
      candidate('devcontainer', `/p/.devcontainer/${name}/devcontainer.json`),
    );
    await expect(resolve({ candidates, ambiguous: true })).rejects.toEqual(
      refusal('CONTEXT_AMBIGUOUS', '', '/p/.devcontainer/a/devcontainer.json'),
    );
    await expect(
      resolve({ candidates, ambiguous: true }, asked({ type: 'devcontainer', start: true })),
    ).rejects.toEqual(refusal('CONTEXT_AMBIGUOUS'));
  });
});

describe('a container by name', () => {
  test('is looked for in both engines', async () => {
    const box = container({ name: 'box', mounts: [bind('/p', '/work')] });
    const resolved = await resolve({ docker: [], podman: [box] }, asked({ name: 'box' }));
    expect(resolved.container).toMatchObject({ type: 'podman', runtime: 'podman', id: 'id-of-box' });
  });

  test('that is not there, or does not run, is an error', async () => {
    await expect(resolve({}, asked({ name: 'box' }))).rejects.toEqual(
      refusal('CONTAINER_NOT_FOUND', '"box"'),
    );
    const stopped = container({ name: 'box', state: 'exited', exitCode: 0 });
    await expect(resolve({ docker: [stopped] }, asked({ name: 'box' }))).rejects.toEqual(
      refusal('CONTAINER_NOT_RUNNING', '"box"', 'docker start box'),
    );
  });

  test('keeps its own directory where nothing of the project is in it', async () => {
    const resolved = await resolve({ docker: [container({ name: 'pg' })] }, asked({ name: 'pg' }));
    expect(resolved.dir).toEqual({ host: '/p', target: '/srv' });
  });
});

describe('an image', () => {
  const images = { 'node:22': { workingDir: '/home/node' } };

  test('is started with the project at its own path', async () => {
    const resolved = await resolve({ images }, asked({ image: 'node:22' }));
    expect(resolved).toMatchObject({
      dir: { target: '/p' },
      container: { type: 'docker', id: null, image: 'node:22', start: { volumes: ['/p:/p'] } },
    });
  });

  test('takes the volume that shows the directory instead', async () => {
    const options = asked({
      image: 'node:22',
      volumes: ['/p:/code', 'cache:/root/.cache'],
      ports: ['8080:3000'],
    });
    const resolved = await resolve({ images }, options);
    expect(resolved).toMatchObject({
      dir: { target: '/code' },
      container: {
        start: { volumes: ['/p:/code', 'cache:/root/.cache'], ports: ['8080:3000'] },
        ports: { 8080: '3000' },
      },
    });
  });

  test('is refused when a volume lies over the directory', async () => {
    const options = asked({ image: 'node:22', volumes: ['cache:/p'] });
    await expect(resolve({ images }, options)).rejects.toEqual(refusal('DIRECTORY_NOT_MAPPED', '/p'));
  });

  test('is refused where the path of the project cannot be written as a volume', async () => {
    const odd = request('/co:lon', { container: asked({ image: 'node:22' }) });
    await expect(resolveContext(odd, madeUp({ images }))).rejects.toEqual(
      refusal('DIRECTORY_NOT_MAPPED', '/co:lon has a colon'),
    );
  });

  test('that is not there is never pulled', async () => {
    await expect(resolve({}, asked({ image: 'node:22' }))).rejects.toEqual(
      refusal('IMAGE_MISSING', '"node:22"', 'docker pull node:22'),
    );
  });

  test('is built from a build file only when that was asked for', async () => {
    const files = { candidates: [candidate('docker', '/my app/Dockerfile')] };
    const build = "docker build -t my-app:dev -f '/my app/Dockerfile' '/my app'";
    await expect(resolve(files)).rejects.toEqual(refusal('IMAGE_MISSING', '/my app/Dockerfile', build));
    expect((await resolve(files, asked({ build: true }))).container).toMatchObject({
      image: 'my-app:dev',
      start: { build: { context: '/my app', file: '/my app/Dockerfile' } },
    });
  });

  test('is not built from a Quadlet unit, which systemd runs', async () => {
    const files = { candidates: [candidate('podman', '/p/web.container')] };
    await expect(resolve(files, asked({ build: true }))).rejects.toEqual(
      refusal('CONTAINER_NOT_RUNNING', '/p/web.container', '--container systemd-web'),
    );
  });

  test('an explicit engine is the only one that is asked', async () => {
    await expect(
      resolve({ docker: 'silent', podman: [], images }, asked({ type: 'docker', image: 'node:22' })),
    ).rejects.toEqual(refusal('RUNTIME_UNAVAILABLE', 'docker does not answer'));
    const resolved = await resolve({ docker: 'silent', podman: [], images }, asked({ image: 'node:22' }));
    expect(resolved.container?.engine).toBe('podman');
  });
});

test('options that name two boxes contradict each other', async () => {
  await expect(resolve(shop, asked({ name: 'a', image: 'b' }))).rejects.toEqual(refusal('CONTEXT_CONFLICT'));
});

test('Kubernetes files never choose a cluster', async () => {
  await expect(resolve({ candidates: [candidate('kubernetes', '/p/skaffold.yaml')] })).rejects.toEqual(
    refusal('CONTEXT_INCOMPLETE', 'nothing names the cluster', '--kube-context'),
  );
});

test('variables and prerequisites of berth.yaml come before those of the request, which win', async () => {
  const file = { ...berthYaml({}), env: { A: 'file', B: 'file' }, prereqs: ['npm ci'] };
  const resolved = await resolve({ ...shop, file }, asked(), { env: { A: 'option' }, prereqs: ['make'] });
  expect(resolved.env).toEqual({ A: 'option', B: 'file' });
  expect(resolved.prereqs).toEqual(['npm ci', 'make']);
});
