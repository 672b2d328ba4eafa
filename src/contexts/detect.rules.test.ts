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
