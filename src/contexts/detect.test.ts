import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { aTree } from '../../test/support/tree.ts';
import type { ContainerType } from '../core/context.ts';
import { type DetectOptions, detectContainerContext } from './detect.ts';

const ALONE: DetectOptions = { environment: {}, home: '/nobody' };
const COMPOSE = 'services:\n  web:\n    image: busybox\n  db:\n    image: postgres\n';
const WORKLOAD = 'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n';
const DOCKERFILE = 'FROM alpine\nRUN true\n';
const IMAGE = '{"image": "debian"}';

/** The files of a project, the type that they mean, and what the test is about. */
type Case = readonly [fact: string, type: ContainerType | null, files: Readonly<Record<string, string>>];

const CASES: readonly Case[] = [
  // the first rules that there were
  ['a Dockerfile alone is docker', 'docker', { Dockerfile: DOCKERFILE }],
  [
    'a Compose file beats a Dockerfile',
    'docker_compose',
    { Dockerfile: DOCKERFILE, 'docker-compose.yml': COMPOSE },
  ],
  ["Podman's Podfile is podman", 'podman', { Podfile: 'FROM fedora\nRUN dnf install -y git\n' }],
  ['.helm is kubernetes', 'kubernetes', { '.helm/': '' }],
  ['k8s-config.yaml is kubernetes', 'kubernetes', { 'k8s-config.yaml': 'namespace: default\n' }],
  ['k8s-config.yml is kubernetes', 'kubernetes', { 'k8s-config.yml': '' }],
  ['kustomization.yaml is kubernetes', 'kubernetes', { 'kustomization.yaml': 'resources: []\n' }],
  ['.dockerignore alone is docker, with low confidence', 'docker', { '.dockerignore': 'node_modules\n' }],
  ['an empty directory is nothing', null, {}],
  ['source code is nothing', null, { 'package.json': '{}', 'src/index.ts': '' }],

  // dev containers
  [
    'a dev container beats Compose',
    'devcontainer',
    { '.devcontainer/devcontainer.json': IMAGE, 'compose.yaml': COMPOSE },
  ],
  ['.devcontainer.json is a dev container', 'devcontainer', { '.devcontainer.json': IMAGE }],
  [
    'one named dev container is a dev container',
    'devcontainer',
    { '.devcontainer/api/devcontainer.json': IMAGE },
  ],
  [
    'devcontainer.json elsewhere is nothing',
    null,
    { 'devcontainer.json': IMAGE, 'a/.devcontainer/x/y/devcontainer.json': IMAGE },
  ],
  ['a directory named devcontainer.json is nothing', null, { '.devcontainer/devcontainer.json/': '' }],

  // Compose
  ['compose.yml is Compose', 'docker_compose', { 'compose.yml': COMPOSE }],
  ['a broken Compose file is Compose', 'docker_compose', { 'compose.yaml': 'services: [\n' }],
  ['an empty Compose file is Compose', 'docker_compose', { 'compose.yaml': '' }],
  ['docker-compose.prod.yml is no project', null, { 'docker-compose.prod.yml': COMPOSE }],
  ['an override alone is no project', null, { 'docker-compose.override.yml': COMPOSE }],
  ['Docker-Compose.yml is no name of Compose', null, { 'Docker-Compose.yml': COMPOSE }],
  [
    '.env names the Compose file',
    'docker_compose',
    { '.env': 'COMPOSE_FILE=ops/stack.yml\n', 'ops/stack.yml': COMPOSE },
  ],
  [
    '.env may use its own variables',
    'docker_compose',
    { '.env': 'WHAT=stack\nCOMPOSE_FILE=ops/${WHAT}.yml\n', 'ops/stack.yml': COMPOSE },
  ],
  [
    'a Tiltfile that calls docker_compose is Compose',
    'docker_compose',
    { Tiltfile: "docker_compose('./docker-compose.yml')\n", 'docker-compose.yml': COMPOSE },
  ],
  [
    'a Tiltfile may name its own Compose file',
    'docker_compose',
    { Tiltfile: "docker_compose(['infra/stack.yml'])\n", 'infra/stack.yml': COMPOSE },
  ],
  ['a Tiltfile that calls k8s_yaml is Kubernetes', 'kubernetes', { Tiltfile: "k8s_yaml('k.yaml')\n" }],
  [
    'a Tiltfile that only mentions docker_compose in a comment is Kubernetes',
    'kubernetes',
    { Tiltfile: "# docker_compose('x.yml')\nk8s_yaml(helm('chart'))\n" },
  ],

  // Kubernetes
  [
    'Compose beats a Kubernetes tool file',
    'docker_compose',
    { 'compose.yaml': COMPOSE, 'skaffold.yaml': '' },
  ],
  [
    'a Kubernetes tool file beats a Dockerfile',
    'kubernetes',
    { Dockerfile: DOCKERFILE, 'skaffold.yaml': '' },
  ],
  ['a Dockerfile beats manifests below', 'docker', { Dockerfile: DOCKERFILE, 'k8s/web.yaml': WORKLOAD }],
  ['a manifest here is Kubernetes', 'kubernetes', { 'web.yaml': WORKLOAD }],
  ['manifests one level down are Kubernetes', 'kubernetes', { 'deploy/web.yml': WORKLOAD }],
  ['kustomizations two levels down are Kubernetes', 'kubernetes', { 'overlays/prod/kustomization.yaml': '' }],
  ['charts two levels down are Kubernetes', 'kubernetes', { 'charts/web/Chart.yaml': 'name: web\n' }],
  ['manifests three levels down are too far', null, { 'a/b/c/web.yaml': WORKLOAD }],
  [
    'manifests of dependencies do not count',
    null,
    { 'node_modules/x/web.yaml': WORKLOAD, 'vendor/web.yaml': WORKLOAD, '.cache/web.yaml': WORKLOAD },
  ],
  [
    'manifests of tests and examples do not count',
    null,
    { 'testdata/pod.yaml': WORKLOAD, 'examples/pod.yaml': WORKLOAD, 'docs/pod.yaml': WORKLOAD },
  ],
  [
    'a Service without a workload is not enough',
    null,
    { 'svc.yaml': 'apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n' },
  ],
  ['a kubeconfig is nothing', null, { 'config.yaml': 'apiVersion: v1\nkind: Config\nclusters: []\n' }],
  [
    'a kind Cluster is nothing',
    null,
    { 'kind.yaml': 'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: []\n' },
  ],
  [
    'a Backstage component is nothing',
    null,
    { 'catalog-info.yaml': 'apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: x\n' },
  ],
  ['Chart.yml is no name of Helm', null, { 'Chart.yml': 'name: x\n' }],

  // Podman
  ['a Containerfile is podman', 'podman', { Containerfile: DOCKERFILE }],
  ['podman-compose.yaml is podman', 'podman', { 'podman-compose.yaml': COMPOSE }],
  [
    'container-compose.yml beats a Dockerfile',
    'podman',
    { 'container-compose.yml': COMPOSE, Dockerfile: DOCKERFILE },
  ],
  [
    'compose.yaml beats podman-compose.yaml',
    'docker_compose',
    { 'podman-compose.yaml': COMPOSE, 'compose.yaml': COMPOSE },
  ],
  [
    'a Quadlet unit is podman',
    'podman',
    { 'web.container': '[Unit]\nDescription=x\n\n[Container]\nImage=nginx\n' },
  ],
  [
    'a .network file of systemd-networkd is nothing',
    null,
    { '10-lan.network': '[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n' },
  ],
  ['a .pod file of Perl is nothing', null, { 'manual.pod': '=head1 NAME\n\nx\n' }],
  ['a .image file that holds no section is nothing', null, { 'disk.image': '\u0000\u0001[Image' }],
  [
    'a Podfile in Ruby is nothing',
    null,
    { Podfile: "platform :ios, '13.0'\ntarget 'App' do\n  pod 'X'\nend\n" },
  ],
  [
    'a Podfile of React Native is nothing',
    null,
    { Podfile: "require_relative '../node_modules/react-native/scripts/react_native_pods'\n" },
  ],
  ['a Podfile beside an Xcode project is nothing', null, { Podfile: '', 'App.xcworkspace/': '' }],

  // build files by other names
  ['dockerfile in other case is docker', 'docker', { dockerfile: DOCKERFILE }],
  ['Dockerfile.dev is docker', 'docker', { 'Dockerfile.dev': DOCKERFILE }],
  ['web.Dockerfile is docker', 'docker', { 'web.Dockerfile': DOCKERFILE }],
  ['Containerfile.ci is podman', 'podman', { 'Containerfile.ci': DOCKERFILE }],
  [
    'a template of a Dockerfile is nothing',
    null,
    { 'Dockerfile.j2': 'FROM {{ base }}\n', 'Dockerfile.template': 'FROM balenalib/%%MACHINE%%-node\n' },
  ],
  [
    'code about Dockerfiles is nothing',
    null,
    { 'dockerfile.rs': 'pub fn from() {}\n', 'dockerfile-parser.js': 'export const FROM = 1;\n' },
  ],
  ['a directory named Dockerfile is nothing', null, { 'Dockerfile/': '' }],
];

describe('the files of one directory', () => {
  test.each(CASES)('%s', async (_, type, files) => {
    const detection = await detectContainerContext(aTree(files), ALONE);

    expect(detection.type).toBe(type);
    expect(detection.ambiguous).toBe(false);
    expect(detection.candidates[0]?.type ?? null).toBe(type);
    for (const { evidence } of detection.candidates) expect(evidence.length).toBeGreaterThan(0);
  });
});

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
