import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { aTree } from '../../test/support/tree.ts';
import { type DetectOptions, detectContainerContext } from './detect.ts';

const ALONE: DetectOptions = { environment: {}, home: '/nobody' };
const COMPOSE = 'services:\n  web:\n    image: busybox\n  db:\n    image: postgres\n';
const DOCKERFILE = 'FROM alpine\nRUN true\n';
const IMAGE = '{"image": "debian"}';

describe('directories above', () => {
  test('a Compose file at the git root is found from a directory below', async () => {
    const root = aTree({ 'compose.yaml': COMPOSE, 'packages/ui/package.json': '{}' });
    const detection = await detectContainerContext(join(root, 'packages/ui'), ALONE);

    expect(detection).toMatchObject({ type: 'docker_compose', root, services: ['web', 'db'].sort() });
    expect(detection.candidates[0]).toMatchObject({ dir: root, confidence: 'weak' });
  });

  test('nothing above the git root is looked at', async () => {
    const outer = aTree({ 'compose.yaml': COMPOSE, 'inner/.git/HEAD': 'ref: refs/heads/main\n' });
    const detection = await detectContainerContext(join(outer, 'inner'), ALONE);

    expect(detection).toMatchObject({ type: null, root: join(outer, 'inner') });
  });

  test('a submodule and a linked work tree are git roots of their own', async () => {
    const outer = aTree({ 'compose.yaml': COMPOSE, 'sub/.git': 'gitdir: ../.git/modules/sub\n' });

    expect((await detectContainerContext(join(outer, 'sub'), ALONE)).type).toBeNull();
  });

  test('the home directory and what is above it are nobody’s project', async () => {
    const outer = aTree(
      { 'compose.yaml': COMPOSE, 'home/compose.yaml': COMPOSE, 'home/work/x/a.txt': '' },
      'no git',
    );
    const home = join(outer, 'home');
    const detection = await detectContainerContext(join(home, 'work/x'), { environment: {}, home });

    expect(detection).toMatchObject({ type: null, root: join(home, 'work') });
  });

  test('outside git a directory that everybody may write to is not looked at', async () => {
    const outer = aTree({ 'compose.yaml': COMPOSE, 'mine/a.txt': '' }, 'no git');
    const { chmodSync } = await import('node:fs');
    chmodSync(outer, 0o1777);

    expect((await detectContainerContext(join(outer, 'mine'), ALONE)).type).toBeNull();
  });

  test.each([
    ['builds', 'build: ./api'],
    ['builds with a Dockerfile in', '\n    build: {context: ., dockerfile: api/Dockerfile}'],
    ['mounts', '\n    image: x\n    volumes: ["./api:/app"]'],
    ['mounts a parent of', '\n    image: x\n    volumes: [".:/app"]'],
  ])('Compose above beats a Dockerfile when a service %s the directory', async (_, service) => {
    const text = `services:\n  api: ${service.startsWith('\n') ? service : `{${service}}`}\n`;
    const root = aTree({ 'compose.yaml': text, 'api/Dockerfile': DOCKERFILE });

    expect((await detectContainerContext(join(root, 'api'), ALONE)).type).toBe('docker_compose');
  });

  test.each([
    ['neither builds nor mounts it', 'image: x'],
    ['mounts the whole machine', 'image: x, volumes: ["/:/host:ro"]'],
    ['builds its neighbour', 'build: ./api-gateway'],
  ])('a Dockerfile beats Compose above when a service %s', async (_, service) => {
    const root = aTree({ 'compose.yaml': `services:\n  api: {${service}}\n`, 'api/Dockerfile': DOCKERFILE });
    const detection = await detectContainerContext(join(root, 'api'), ALONE);

    expect(detection.candidates.map(({ type }) => type)).toEqual(['docker', 'docker_compose']);
  });

  test('the nearest project above comes first', async () => {
    const root = aTree({
      'compose.yaml': COMPOSE,
      'team/.devcontainer/devcontainer.json': IMAGE,
      'team/src/a.py': '',
    });
    const { candidates } = await detectContainerContext(join(root, 'team/src'), ALONE);

    expect(candidates.map(({ type, dir }) => [type, dir])).toEqual([
      ['devcontainer', join(root, 'team')],
      ['docker_compose', root],
    ]);
  });

  test('COMPOSE_FILE of the shell is about the directory, not about its parents', async () => {
    const root = aTree({ 'stack.yml': COMPOSE, 'src/a.py': '' });
    const options = { ...ALONE, environment: { COMPOSE_FILE: 'stack.yml' } };

    expect((await detectContainerContext(root, options)).type).toBe('docker_compose');
    expect((await detectContainerContext(join(root, 'src'), options)).type).toBeNull();
  });
});

describe('what is said about it', () => {
  test('every candidate is returned, best first, and the reason names the beaten ones', async () => {
    const root = aTree({
      Dockerfile: DOCKERFILE,
      'compose.yaml': COMPOSE,
      'kustomization.yaml': '',
      Containerfile: DOCKERFILE,
    });
    const detection = await detectContainerContext(root, ALONE);

    expect(detection.candidates.map(({ type }) => type)).toEqual([
      'docker_compose',
      'kubernetes',
      'docker',
      'podman',
    ]);
    expect(detection.reason).toBe(
      'compose.yaml is the Compose file of this directory. It goes before kustomization.yaml (kubernetes), ' +
        'Dockerfile (docker), Containerfile (podman): Compose services are what runs on this machine.',
    );
  });

  test.each([
    ['docker/docker-compose.yml', COMPOSE, 'Choose it with COMPOSE_FILE=docker/docker-compose.yml.'],
    ['.docker/Dockerfile', DOCKERFILE, '.docker/Dockerfile says how to build an image'],
    ['.ddev/config.yaml', 'name: shop\n', 'DDEV makes the containers of this project'],
    ['.lando.yml', 'name: shop\n', 'Lando makes the containers of this project'],
  ])('%s is nothing that a tool finds by itself, and is named', async (path, text, note) => {
    const detection = await detectContainerContext(aTree({ [path]: text }), ALONE);

    expect(detection.type).toBeNull();
    expect(detection.warnings).toEqual([expect.stringContaining(note)]);
    expect(detection.reason).toContain(note);
  });

  test('several named dev containers are ambiguous', async () => {
    const root = aTree({
      '.devcontainer/a/devcontainer.json': IMAGE,
      '.devcontainer/b/devcontainer.json': IMAGE,
    });
    const detection = await detectContainerContext(root, ALONE);

    expect(detection).toMatchObject({ type: 'devcontainer', ambiguous: true });
    expect(detection.reason).toContain(
      '.devcontainer/a/devcontainer.json and .devcontainer/b/devcontainer.json',
    );
  });

  test('a default dev container beats named ones without doubt', async () => {
    const root = aTree({
      '.devcontainer/devcontainer.json': IMAGE,
      '.devcontainer/a/devcontainer.json': IMAGE,
      '.devcontainer/b/devcontainer.json': IMAGE,
    });
    const detection = await detectContainerContext(root, ALONE);

    expect(detection).toMatchObject({ ambiguous: false, devcontainer: { kind: 'image', service: null } });
    expect(detection.candidates).toHaveLength(3);
  });

  test('a Dockerfile beside a Quadlet unit is ambiguous: two engines', async () => {
    const root = aTree({ Dockerfile: DOCKERFILE, 'web.container': '[Container]\nImage=x\n' });

    expect(await detectContainerContext(root, ALONE)).toMatchObject({ type: 'docker', ambiguous: true });
  });

  test('services of Compose are the enabled ones, sorted', async () => {
    const root = aTree({
      'compose.yaml': 'services:\n  z: {image: a}\n  a: {image: a}\n  debug: {image: a, profiles: [debug]}\n',
    });

    expect((await detectContainerContext(root, ALONE)).services).toEqual(['a', 'z']);
  });

  test('a dev container on Compose brings its services', async () => {
    const root = aTree({
      '.devcontainer/devcontainer.json':
        '{"dockerComposeFile": ["../compose.yaml", "extra.yml"], "service": "web",}',
      '.devcontainer/extra.yml': 'services:\n  cache: {image: redis}\n',
      'compose.yaml': COMPOSE,
    });

    expect(await detectContainerContext(root, ALONE)).toMatchObject({
      services: ['cache', 'db', 'web'],
      devcontainer: { kind: 'compose', service: 'web' },
      warnings: [],
    });
  });

  test('a dev container that enters a service nobody defines is warned about', async () => {
    const root = aTree({
      '.devcontainer/devcontainer.json': '{"dockerComposeFile": "../compose.yaml", "service": "app"}',
      'compose.yaml': COMPOSE,
    });
    const { warnings } = await detectContainerContext(root, ALONE);

    expect(warnings.join()).toContain('enters service "app", which its Compose files do not have');
  });

  test('a broken Compose file is warned about with file and line', async () => {
    const root = aTree({ 'compose.yaml': 'services:\n  web:\n    image: "x\n' });
    const { type, warnings } = await detectContainerContext(root, ALONE);

    expect(type).toBe('docker_compose');
    expect(warnings.join()).toMatch(/compose\.yaml:3:\d+:/);
  });

  test('a broken devcontainer.json is warned about with file, line and column', async () => {
    const root = aTree({ '.devcontainer.json': '{\n  "image" "x"\n}' });
    const { type, warnings } = await detectContainerContext(root, ALONE);

    expect(type).toBe('devcontainer');
    expect(warnings.join()).toMatch(/\.devcontainer\.json:2:11: .*expected/);
  });

  test('files that only look like Compose are named', async () => {
    const detection = await detectContainerContext(aTree({ 'docker-compose.prod.yml': COMPOSE }), ALONE);

    expect(detection.reason).toContain('COMPOSE_FILE=docker-compose.prod.yml');
    const beside = await detectContainerContext(
      aTree({ 'docker-compose.prod.yml': '', 'compose.yaml': COMPOSE }),
      ALONE,
    );
    expect(beside.candidates[0]?.evidence.map(({ rule }) => rule)).toContain(
      'not loaded: Compose reads it only when it is told to',
    );
  });

  test.each([
    ['infra/docker-compose.dev.yml', {}, ''],
    ['docker/compose.yaml', { 'src/main.ts': '' }, 'src'],
    ['deploy/compose.yaml', { Dockerfile: DOCKERFILE }, ''],
  ])('%s is named with what chooses it: Compose does not look there', async (file, others, below) => {
    const root = aTree({ [file]: COMPOSE, ...others });

    const { type, warnings } = await detectContainerContext(join(root, below), ALONE);

    const shown = below === '' ? file : `../${file}`;
    expect(type).not.toBe('docker_compose');
    expect(warnings.join()).toContain(`Choose it with COMPOSE_FILE=${shown}.`);
  });

  test('files that a project above names are not called left out', async () => {
    const root = aTree({
      '.env': 'COMPOSE_FILE=docker/compose.base.yml',
      'docker/compose.base.yml': 'services: {web: {image: busybox, volumes: ["..:/app"]}}',
    });

    const { type, warnings } = await detectContainerContext(join(root, 'docker'), ALONE);

    expect({ type, warnings }).toEqual({ type: 'docker_compose', warnings: [] });
  });

  test('a build file by another name comes with the option that finds it', async () => {
    const { candidates } = await detectContainerContext(aTree({ 'Dockerfile.dev': DOCKERFILE }), ALONE);

    expect(candidates[0]?.evidence[0]?.rule).toContain('-f Dockerfile.dev');
  });

  test('names with newlines and tmux formats are shown escaped', async () => {
    const root = aTree({ 'Dockerfile.a\nb #(touch x)': DOCKERFILE });
    const { reason, candidates } = await detectContainerContext(root, ALONE);

    expect(reason).not.toContain('\n');
    expect(reason).not.toContain('#(');
    expect(candidates[0]?.evidence[0]?.path).toBe(join(root, 'Dockerfile.a\nb #(touch x)'));
  });

  test('symlinks to the directory are resolved', async () => {
    const root = aTree({ 'real/compose.yaml': COMPOSE });
    symlinkSync(join(root, 'real'), join(root, 'link'));

    expect((await detectContainerContext(join(root, 'link'), ALONE)).dir).toBe(join(root, 'real'));
  });

  test('a directory that is not there is an error with its name', async () => {
    await expect(detectContainerContext('/no/such/dir', ALONE)).rejects.toMatchObject({
      code: 'DIRECTORY_NOT_FOUND',
      message: expect.stringContaining('/no/such/dir'),
    });
    const root = aTree({ file: '' });
    mkdirSync(join(root, 'd'));
    await expect(detectContainerContext(join(root, 'file'), ALONE)).rejects.toMatchObject({
      code: 'DIRECTORY_NOT_FOUND',
    });
  });
});
