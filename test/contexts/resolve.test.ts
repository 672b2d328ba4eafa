import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localWorld } from '../../src/contexts/resolve/local-world.ts';
import { asked, request } from '../../src/contexts/resolve/made-up.ts';
import { resolveContext } from '../../src/contexts/resolve.ts';
import type { ContainerRequest, ResolvedContext } from '../../src/core/context.ts';
import { localHost } from '../../src/hosts/local.ts';
import { cliInspector } from '../../src/runtimes/inspector.ts';
import { probeRuntimes } from '../../src/runtimes/probe.ts';
import { describeWith } from '../support/engines.ts';

const host = localHost();
const top = realpathSync(mkdtempSync(join(tmpdir(), 'berth-resolve-')));
const world = localWorld({
  host,
  environment: process.env,
  home: join(top, 'state'),
  inspector: (engine) => cliInspector(host, engine),
  probe: async (engine) => (await probeRuntimes(host))[engine],
  dryRun: false,
});

afterAll(() => rmSync(top, { recursive: true, force: true }));

function resolve(dir: string, options: Partial<ContainerRequest> = {}): Promise<ResolvedContext> {
  return resolveContext(request(dir, { container: asked(options) }), world);
}

function docker(...argv: readonly string[]): string {
  return execFileSync('docker', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Sleeping containers under names of our own, so that also those of a failed start are removed. */
function containersOf(engine: 'docker' | 'podman', image: string) {
  const names: string[] = [];
  const call = (...argv: readonly string[]) =>
    execFileSync(engine, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  return {
    /** Starts one and answers its name and id. */
    run(...options: readonly string[]) {
      const name = `${basename(top)}-${engine}-${names.length}`;
      names.push(name);
      const argv = [
        'run',
        '-d',
        '--init',
        '--network',
        'none',
        '--name',
        name,
        ...options,
        image,
        'sleep',
        '100000',
      ];
      return { name, id: call(...argv) };
    },
    remove() {
      for (const name of names) call('rm', '-f', ...(engine === 'podman' ? ['-t', '0'] : []), name);
    },
  };
}

function compose(dir: string, ...argv: readonly string[]): void {
  execFileSync('docker', ['compose', ...argv], { cwd: dir, stdio: 'ignore' });
}

/** A directory below the test's own, with files. */
function directory(name: string, files: Readonly<Record<string, string>> = {}): string {
  const dir = join(top, name);
  mkdirSync(dir, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

/** Whether a resolved place shows the very files of its host directory. */
function showsItsDirectory({ dir, container }: ResolvedContext): boolean {
  const name = `mark-${Math.random()}`;
  writeFileSync(join(dir.host, name), name);
  try {
    return docker('exec', '-w', dir.target, container?.id ?? '', 'cat', name) === name;
  } finally {
    rmSync(join(dir.host, name));
  }
}

const RUNS = 'init: true\n    network_mode: none\n    image: berth-busybox\n    command: [sleep, "100000"]';
const SHOP = `services:
  web:
    ${RUNS}
    volumes:
      - .:/app
      - ./packages/ui:/app/vendor/ui
      - cache:/app/cache
  db:
    ${RUNS}
volumes: {cache: {}}
`;

describeWith(['docker', 'compose'], 'a Compose project of two services', () => {
  const name = `shop${process.pid}`;
  const files = {
    'compose.yaml': SHOP,
    'sub/deep/x': '',
    'packages/ui/x': '',
    'cache/x': '',
    'vendor/x': '',
  };
  const dir = directory(name, files);
  const clone = directory(`clone/${name}`, files);
  beforeAll(() => compose(dir, 'up', '-d', '--quiet-pull'));
  afterAll(() => compose(dir, 'down', '-t', '0', '-v'));

  test('the service that mounts the directory is entered, by the id of its container', async () => {
    const resolved = await resolve(dir);
    expect(resolved).toMatchObject({
      dir: { host: dir, target: '/app' },
      container: { service: 'web', project: name, id: docker('inspect', '-f', '{{.Id}}', `${name}-web-1`) },
    });
    expect(docker('exec', resolved.container?.id ?? '', 'hostname')).toBe(resolved.container?.hostname);
    expect(showsItsDirectory(resolved)).toBe(true);
  });

  test('a sub-directory runs in its counterpart', async () => {
    const resolved = await resolve(join(dir, 'sub/deep'));
    expect(resolved.dir.target).toBe('/app/sub/deep');
    expect(showsItsDirectory(resolved)).toBe(true);
  });

  test('a directory that is mounted on its own runs where a mount shows it', async () => {
    const resolved = await resolve(join(dir, 'packages/ui'));
    expect(resolved.dir.target).toBe('/app/vendor/ui');
    expect(showsItsDirectory(resolved)).toBe(true);
  });

  test('a directory that a volume hides is refused', async () => {
    await expect(resolve(join(dir, 'cache'))).rejects.toMatchObject({ code: 'DIRECTORY_NOT_MAPPED' });
  });

  test('a symlink to the project leads to the same place', async () => {
    const link = join(top, 'link');
    symlinkSync(dir, link);
    const resolved = await resolve(join(link, 'sub'));
    expect(resolved.dir).toEqual({ host: join(link, 'sub'), target: '/app/sub' });
    expect(showsItsDirectory(resolved)).toBe(true);
  });

  test('a service that was asked for by name runs in its own directory', async () => {
    const resolved = await resolve(dir, { service: 'db' });
    expect(resolved).toMatchObject({ dir: { target: '/' }, container: { service: 'db' } });
    expect(resolved.warnings).toHaveLength(1);
  });

  test('a clone with the same name does not act on these containers', async () => {
    await expect(resolve(clone)).rejects.toMatchObject({
      code: 'PROJECT_MISMATCH',
      message: expect.stringContaining(`started from ${dir}, not from ${clone}`),
    });
  });

  test('a clone under a project name of its own has its own', async () => {
    writeFileSync(join(clone, '.env'), `COMPOSE_PROJECT_NAME=${name}clone\n`);
    try {
      compose(clone, 'up', '-d', 'web');
      const resolved = await resolve(clone);
      expect(resolved.container).toMatchObject({ project: `${name}clone` });
      expect(showsItsDirectory(resolved)).toBe(true);
      expect((await resolve(dir)).container?.project).toBe(name);
    } finally {
      compose(clone, 'down', '-t', '0', '-v');
      rmSync(join(clone, '.env'));
    }
  });

  test('paused, then stopped, then removed: never entered, each with what mends it', async () => {
    compose(dir, 'pause', 'web');
    await expect(resolve(dir)).rejects.toMatchObject({ code: 'CONTAINER_PAUSED' });
    compose(dir, 'unpause', 'web');
    compose(dir, 'stop', '-t', '0', 'web');
    const stopped = {
      code: 'SERVICE_NOT_RUNNING',
      hint: expect.stringContaining('docker compose up -d web'),
    };
    await expect(resolve(join(dir, 'sub'))).rejects.toMatchObject(stopped);
    expect((await resolve(dir, { start: true })).container).toMatchObject({
      id: null,
      start: { build: null },
    });
    compose(dir, 'rm', '-f', 'web');
    await expect(resolve(dir)).rejects.toMatchObject(stopped);
    compose(dir, 'up', '-d', 'web');
    expect((await resolve(dir)).container?.service).toBe('web');
  });
});

describeWith(['docker'], 'containers that no Compose project made', () => {
  const { run, remove } = containersOf('docker', 'berth-busybox');
  afterAll(remove);

  test('a dev container is found by its labels, through a symlink, and entered as its file says', async () => {
    const file =
      '{"image": "berth-busybox", "remoteUser": "dev", "remoteEnv": {"PATH": "${containerEnv:PATH}:/x"}} // ok';
    const dir = directory('dev', { '.devcontainer/devcontainer.json': file, 'sub/x': '' });
    const link = join(top, 'dev-link');
    symlinkSync(dir, link);
    const { id } = run(
      '--label',
      `devcontainer.local_folder=${link}`,
      '--label',
      `devcontainer.config_file=${link}/.devcontainer/devcontainer.json`,
      '-v',
      `${dir}:/workspaces/dev`,
      '--env',
      'PATH=/bin',
    );
    const resolved = await resolve(join(dir, 'sub'));
    expect(resolved).toMatchObject({
      dir: { target: '/workspaces/dev/sub' },
      user: 'dev',
      env: { PATH: '/bin:/x' },
      container: { type: 'devcontainer', id },
    });
    expect(showsItsDirectory(resolved)).toBe(true);
  });

  test('a container that mounts the directory is used where the files only say how to build', async () => {
    const dir = directory('built', { Dockerfile: 'FROM berth-busybox\n' });
    await expect(resolve(dir)).rejects.toMatchObject({ code: 'IMAGE_MISSING' });
    const { id } = run('-v', `${dir}:/work`);
    expect(await resolve(dir)).toMatchObject({ dir: { target: '/work' }, container: { id, type: 'docker' } });
  });

  test('a container by name is entered, also one that shares nothing with the directory', async () => {
    const { name, id } = run('-w', '/tmp');
    const resolved = await resolve(directory('elsewhere'), { name });
    expect(resolved).toMatchObject({ dir: { target: '/tmp' }, container: { id, runtime: 'docker' } });
  });

  test('an image that is there is started, one that is not is never pulled', async () => {
    const dir = directory('image');
    expect((await resolve(dir, { image: 'berth-busybox' })).container).toMatchObject({
      id: null,
      image: 'berth-busybox',
    });
    await expect(resolve(dir, { image: 'berth-none:1' })).rejects.toMatchObject({ code: 'IMAGE_MISSING' });
  });
});

describeWith(['podman'], 'podman', () => {
  const { run, remove } = containersOf('podman', 'localhost/berth-busybox');
  afterAll(remove);

  test('a service that podman-compose made is found by its labels when docker has none', async () => {
    const dir = directory(`pods${process.pid}`, { 'compose.yaml': SHOP, 'sub/x': '' });
    const project = basename(dir);
    const labels = {
      'io.podman.compose.project': project,
      'com.docker.compose.project': project,
      'com.docker.compose.project.working_dir': dir,
      'com.docker.compose.project.config_files': 'compose.yaml',
      'com.docker.compose.container-number': '1',
      'com.docker.compose.service': 'web',
    };
    const options = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
    const { id } = run(...options, '-v', `${dir}:/app`);
    expect(await resolve(join(dir, 'sub'))).toMatchObject({
      dir: { target: '/app/sub' },
      container: { id, engine: 'podman', runtime: 'compose', service: 'web', project },
    });
  });

  test('a container by name is found when docker has none of that name', async () => {
    const { name, id } = run();
    expect((await resolve(top, { name })).container).toMatchObject({ id, type: 'podman', runtime: 'podman' });
  });
});
