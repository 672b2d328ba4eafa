import { randomBytes } from 'node:crypto';
import { mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../../test/support/engines.ts';
import type { ContainerStart, ResolvedContainer } from '../core/context.ts';
import { localHost } from '../hosts/local.ts';
import { composeRuntime } from './compose.ts';

const host = localHost();
const runtime = composeRuntime();
const START: ContainerStart = { volumes: [], ports: [], engineArgs: [], hardened: false, build: null };

describeWith(['docker', 'compose'], 'a Compose service', () => {
  const project = `berth-r-states-${randomBytes(4).toString('hex')}`;
  const server = createServer();
  let dir = '';
  let file = '';
  const call = async (...argv: string[]) => {
    const result = await host.exec({ argv, cwd: null, env: {} }, { timeoutMs: 120_000 });
    if (result.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`);
    return result.stdout.trim();
  };
  const compose = (...args: string[]) =>
    call('docker', 'compose', '--file', file, '--project-name', project, ...args);
  const prepare = (service: string, more: Partial<ResolvedContainer> = {}) =>
    runtime.prepare(host, asked({ project, service, compose: { dir, files: [file] }, ...more }), {
      task: 1,
      attempt: 1,
      owner: 'compose-test',
      workdir: dir,
    });

  beforeAll(async () => {
    dir = await realpath(await mkdtemp(join(tmpdir(), 'berth-states-')));
    file = join(dir, 'compose.yaml');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const base = "image: 'berth-busybox:latest', init: true, stop_grace_period: 1s, command: ";
    await writeFile(
      file,
      `services:
  web: {${base}sleep 1000}
  many: {${base}sleep 1000, deploy: {replicas: 3}}
  late: {${base}"sh -c 'touch /tmp/ready; sleep 1000'", healthcheck: {test: [CMD, test, -e, /tmp/ready], interval: 1s}}
  sick: {${base}sleep 1000, healthcheck: {test: [CMD, 'false'], interval: 1s, retries: 1}}
  absent: {image: 'berth-nowhere/none:1'}
  unbuilt: {build: .}
  port: {${base}sleep 1000, ports: ['127.0.0.1:${port}:80']}
`,
    );
  });
  afterAll(async () => {
    await compose('down', '--timeout=0', '--volumes');
    server.close();
    await rm(dir, { recursive: true });
  });

  test('that does not run is not started unasked, and the error holds the line that starts it', async () => {
    const error = await prepare('web').catch((reason) => reason);

    expect(error).toMatchObject({
      code: 'SERVICE_NOT_RUNNING',
      message: `Service web of project ${project} is not running: it has no container.`,
      hint: expect.stringContaining(
        `docker compose --project-directory ${dir} --file ${file} --project-name ${project} up --detach web`,
      ),
    });
    expect(await compose('ps', '--all', '--quiet', 'web')).toBe('');
  });

  test('is brought up and waited for where that was asked for', async () => {
    const place = await prepare('late', { start: START });
    const facts = JSON.parse(await call('docker', 'inspect', place.id ?? ''));

    expect(facts[0].State.Health.Status).toBe('healthy');
    expect(place).toMatchObject({ runtime: 'compose', owned: false });
  });

  test('that was paused, or has ended, is left so, each with its own code', async () => {
    await compose('up', '--detach', 'web');
    await compose('pause', 'web');
    await expect(prepare('web', { start: START })).rejects.toMatchObject({
      code: 'CONTAINER_PAUSED',
      hint: expect.stringContaining('unpause web'),
    });
    await compose('unpause', 'web');
    await compose('stop', 'web');

    await expect(prepare('web')).rejects.toMatchObject({
      code: 'SERVICE_NOT_RUNNING',
      message: expect.stringContaining('exited with code'),
    });
  });

  test('with several replicas is its lowest that runs, unless another was chosen', async () => {
    await compose('up', '--detach', 'many');
    const byNumber = async (number: number) =>
      call(
        ...[
          'docker',
          'ps',
          '--all',
          '--quiet',
          '--no-trunc',
          '--filter',
          `label=com.docker.compose.project=${project}`,
        ],
        ...['--filter', `label=com.docker.compose.container-number=${number}`],
        ...['--filter', 'label=com.docker.compose.service=many'],
      );
    const [first, second, third] = [await byNumber(1), await byNumber(2), await byNumber(3)];

    expect((await prepare('many')).id).toBe(first);
    expect((await prepare('many', { id: third })).id).toBe(third);
    await call('docker', 'kill', first);
    expect((await prepare('many')).id).toBe(second);
  });

  test('is found again by its labels after it was made anew', async () => {
    const before = await prepare('late', { start: START });
    await compose('up', '--detach', '--wait', '--force-recreate', 'late');
    const after = await prepare('late', { id: before.id });

    expect(after.id).not.toBe(before.id);
    expect((await runtime.postmortem(host, before)).state).toBe('gone');
  });

  test('of a project that runs from another directory is refused, and nothing is started', async () => {
    const other = await realpath(await mkdtemp(join(tmpdir(), 'berth-clone-')));
    await compose('up', '--detach', 'late');
    const before = await call('docker', 'ps', '--all', '--quiet', '--filter', `name=${project}`);
    const refused = prepare('web', { start: START, compose: { dir: other, files: [file] } });

    await expect(refused).rejects.toMatchObject({
      code: 'PROJECT_MISMATCH',
      message: `Project ${project} runs from ${dir}, not from ${other}.`,
    });
    expect(await call('docker', 'ps', '--all', '--quiet', '--filter', `name=${project}`)).toBe(before);
    await rm(other, { recursive: true });
  });

  test('of a project that was reached through a symlink is the same project', async () => {
    const link = join(tmpdir(), `berth-link-${randomBytes(4).toString('hex')}`);
    await symlink(dir, link);
    await compose('up', '--detach', '--wait', 'late');
    const place = await prepare('late', { compose: { dir: link, files: [join(link, 'compose.yaml')] } });
    await rm(link);

    expect(place.id).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each([
    ['absent', 'IMAGE_MISSING', /pull absent/],
    ['unbuilt', 'BUILD_NEEDED', /build unbuilt/],
    ['port', 'PORT_TAKEN', /another port/],
    ['sick', 'SERVICE_NOT_RUNNING', /logs --tail=20 sick/],
  ])('%s that cannot come up says %s', async (service, code, hint) => {
    await expect(prepare(service, { start: START })).rejects.toMatchObject({
      code,
      hint: expect.stringMatching(hint),
    });
  });

  test.each([{ service: '--rm' }, { service: 'a b' }, { project: '-p' }])('%j is refused', async (more) => {
    await expect(prepare('web', more)).rejects.toMatchObject({ code: 'INVALID_VALUE' });
  });

  test('without a service is incomplete', async () => {
    await expect(prepare('web', { service: null })).rejects.toMatchObject({ code: 'CONTEXT_INCOMPLETE' });
  });
});

function asked(more: Partial<ResolvedContainer>): ResolvedContainer {
  return {
    type: 'docker_compose',
    runtime: 'compose',
    engine: 'docker',
    id: null,
    hostname: null,
    image: null,
    project: null,
    service: null,
    compose: null,
    pod: null,
    namespace: null,
    kubeContext: null,
    volumes: {},
    ports: {},
    start: null,
    reason: 'the test says so',
    rejected: [],
    ...more,
  };
}

describeWith(['podman'], 'a service that podman-compose made', () => {
  test('is found by the labels that it shares with Compose, and entered', async () => {
    const name = `berth-r-podman-${randomBytes(4).toString('hex')}`;
    const labels = {
      project: name,
      'project.working_dir': '/srv/app',
      service: 'web',
      'container-number': '1',
    };
    const options = Object.entries(labels).map(
      ([key, value]) => `--label=com.docker.compose.${key}=${value}`,
    );
    const podman = (...args: string[]) =>
      host.exec({ argv: ['podman', ...args], cwd: null, env: {} }, { timeoutMs: 60_000 });
    await podman(
      'run',
      '-d',
      '--init',
      '--pull=never',
      `--name=${name}`,
      ...options,
      'berth-busybox',
      'sleep',
      '99',
    );
    const wanted = asked({ engine: 'podman', project: name, service: 'web' });
    const scope = { task: 1, attempt: 1, owner: 'podman-compose-test', workdir: '/srv/app/sub' };
    const place = await runtime.prepare(host, wanted, scope).catch((error) => error);
    const elsewhere = runtime.prepare(host, wanted, { ...scope, workdir: '/srv/application' });
    await expect(elsewhere).rejects.toMatchObject({ code: 'PROJECT_MISMATCH' });
    const inner = { argv: ['hostname'], cwd: null, env: {} };
    const entered = await host.exec(runtime.enter(place, inner, { stdin: false, tty: false }), {
      timeoutMs: 20_000,
    });
    await podman('rm', '--force', '--time', '0', name);

    expect(entered.stdout.trim()).toBe(place.container.hostname);
  });
});
