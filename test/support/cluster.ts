import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { until } from './berth.ts';
import { aProject, type Box } from './boxes.ts';

const run = promisify(execFile);

// a busy machine takes its time to start a pod
const PATIENCE_MS = 150_000;
vi.setConfig({ testTimeout: 2 * PATIENCE_MS, hookTimeout: 2 * PATIENCE_MS });

/** What a look with kubectl costs the machine is missing where pods start. */
const PAUSE_MS = 200;

/** As `until`, with the patience that pods need. */
export function eventually(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  return until(what, holds, PATIENCE_MS, PAUSE_MS);
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

  /** kubectl with an object on its stdin. */
  async send(object: object, ...args: readonly string[]): Promise<string> {
    return kubectl([`--namespace=${this.name}`, ...args], JSON.stringify(object));
  }

  async apply(...objects: readonly object[]): Promise<void> {
    await this.send({ apiVersion: 'v1', kind: 'List', items: objects }, 'apply', '-f', '-');
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

  /** Name of the pod that runs here, once there is one. */
  async runningPod(): Promise<string> {
    const running = ['--field-selector=status.phase=Running', '--output=jsonpath={.items[*].metadata.name}'];
    let name = '';
    await eventually('a pod runs', async () => {
      name = await this.kubectl('get', 'pods', ...running);
      return name !== '';
    });
    return name;
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

/** A kubeconfig, with a context of its own name, of a service account that may do this in the namespace and no more. */
export async function asAccount(
  { name: namespace }: TestNamespace,
  account: string,
  rules: readonly object[],
): Promise<string> {
  const scoped = (args: readonly string[], input?: string) =>
    kubectl([`--namespace=${namespace}`, ...args], input);
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: account };
  const items = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account } },
    { apiVersion, kind: 'Role', metadata: { name: account }, rules },
    {
      ...{ apiVersion, kind: 'RoleBinding', metadata: { name: account }, roleRef },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    },
  ];
  await scoped(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const config = JSON.parse(
    await kubectl(['config', 'view', '--raw', '--minify', '--flatten', '--output=json']),
  );
  config.users[0].user = { token: await tokenOf(scoped, account) };
  config.contexts[0].name = account;
  const file = join(mkdtempSync(join(tmpdir(), 'berth-account-')), 'config');
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

/** Old clusters keep a token in a Secret of the account, new ones make one when asked. */
async function tokenOf(
  scoped: (args: readonly string[]) => Promise<string>,
  account: string,
): Promise<string> {
  const asked = await scoped(['create', 'token', account]).catch(() => null);
  if (asked !== null) return asked.trim();
  const owner = '@.metadata.annotations.kubernetes\\.io/service-account\\.name';
  const path = `--output=jsonpath={.items[?(${owner}=="${account}")].data.token}`;
  let found = '';
  await eventually('the account has a token', async () => {
    found = (await scoped(['get', 'secrets', path])).trim();
    return found !== '';
  });
  return Buffer.from(found, 'base64').toString();
}

export function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
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
