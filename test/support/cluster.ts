import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { until } from './berth.ts';
import { aProject, type Box } from './boxes.ts';

const run = promisify(execFile);

// a busy machine takes its time to start a pod
const PATIENCE_MS = 150_000;
vi.setConfig({ testTimeout: 2 * PATIENCE_MS, hookTimeout: 2 * PATIENCE_MS });

/** As `until`, with the patience that pods need. */
export function eventually(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  return until(what, holds, PATIENCE_MS);
}

/** What tests look at of an object of the API. */
export interface Item {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

export const CONTEXT = process.env.BERTH_TEST_KUBE_CONTEXT ?? 'local';
export const IMAGE = 'berth-busybox:latest';

/** A namespace of its own on the test cluster. */
export class TestNamespace implements AsyncDisposable {
  readonly name = `berth-t-${randomBytes(4).toString('hex')}`;

  static async open(): Promise<TestNamespace> {
    const namespace = new TestNamespace();
    await kubectl(['create', 'namespace', namespace.name]);
    return namespace;
  }

  /** Options that lead here. */
  get options(): readonly string[] {
    return ['--kube-context', CONTEXT, '--namespace', this.name];
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    return kubectl([`--namespace=${this.name}`, ...args]);
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await kubectl([`--namespace=${this.name}`, 'apply', '-f', '-'], JSON.stringify(list));
  }

  async ready(pod: string): Promise<void> {
    await this.kubectl('wait', '--for=condition=Ready', `pod/${pod}`, `--timeout=${PATIENCE_MS}ms`);
  }

  /** A program in a pod: its output. */
  async inside(pod: string, ...argv: readonly string[]): Promise<string> {
    return this.kubectl('exec', '--quiet', pod, '--', ...argv);
  }

  async json(what: string): Promise<{ readonly items: readonly Item[] }> {
    return JSON.parse(await this.kubectl('get', what, '--output=json'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await kubectl(['delete', 'namespace', this.name, '--wait=false', '--grace-period=0']).catch(() => {});
  }
}

export async function kubectl(args: readonly string[], input?: string): Promise<string> {
  const child = run('kubectl', [`--context=${CONTEXT}`, ...args], {
    maxBuffer: 64 * 1024 * 1024,
    timeout: PATIENCE_MS + 30_000,
  });
  child.child.stdin?.on('error', () => {}); // it may end before it has read
  child.child.stdin?.end(input ?? '');
  return (await child).stdout;
}

export interface PodWish {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Names; one called `main` by default. */
  readonly containers?: readonly string[];
  readonly spec?: object;
  readonly container?: object;
}

export function aPodSpec({ containers = ['main'], spec = {}, container = {} }: PodWish = {}) {
  return {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    ...spec,
    containers: containers.map((name) => ({
      name,
      image: IMAGE,
      imagePullPolicy: 'Never',
      command: ['sleep', '100000'],
      ...container,
    })),
  };
}

export function aPod(name: string, wish: PodWish = {}) {
  const { labels = {}, annotations = {} } = wish;
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels, annotations }, spec: aPodSpec(wish) };
}

export function aDeployment(name: string, replicas: number, wish: PodWish = {}) {
  const labels = { app: name, ...wish.labels };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels, annotations: wish.annotations ?? {} }, spec: aPodSpec(wish) },
    },
  };
}

/** Processes of a pod whose command line holds this text. */
export async function processes(
  namespace: TestNamespace,
  pod: string,
  text: string,
): Promise<readonly string[]> {
  const table = await namespace.inside(pod, 'ps', '-o', 'pid,args');
  return table.split('\n').filter((line) => line.includes(text) && !line.includes('ps -o'));
}

/** A running pod that has the project's directory. */
export async function podBox(): Promise<Box> {
  const namespace = await TestNamespace.open();
  const project = await aProject();
  await chmod(project, 0o777);
  await writeFile(join(project, 'berth.yaml'), 'container: {workdir: /project}\n');
  const volumes = [{ name: 'project', hostPath: { path: project } }];
  const container = { volumeMounts: [{ name: 'project', mountPath: '/project' }] };
  await namespace.apply(aPod('box', { spec: { volumes }, container }));
  await namespace.ready('box');
  return {
    container: {
      type: 'kubernetes',
      runtime: 'kubernetes',
      engine: 'kubectl',
      id: 'box/main',
      hostname: 'box',
      image: IMAGE,
      project: null,
      service: null,
      compose: null,
      pod: 'box',
      namespace: namespace.name,
      kubeContext: CONTEXT,
      podContainer: { name: 'main', podUid: '', containerId: '' },
      volumes: {},
      ports: {},
      start: null,
      reason: 'the test says so',
      rejected: [],
    },
    engine: null,
    owned: false,
    project,
    inside: '/project',
    options: [...namespace.options, '--pod', 'box', '--workdir', project],
    caller: { uid: 0, gid: 0 },
    stamp: async () =>
      namespace.kubectl(
        'get',
        'pod',
        'box',
        '--output=jsonpath={.metadata.uid} {.status.containerStatuses[0].restartCount}',
      ),
    close: async () => {
      await namespace[Symbol.asyncDispose]();
      await rm(project, { recursive: true });
    },
  };
}
