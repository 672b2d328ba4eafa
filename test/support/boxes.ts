import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { chown, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResolvedContainer } from '../../src/core/context.ts';
import { localHost } from '../../src/hosts/local.ts';
import type { User } from './rootless.ts';

export type EngineName = 'docker' | 'podman';

/** Somewhere a task can run, with a project directory in it. */
export interface Box {
  /** What a resolution answers; null is the host itself. */
  readonly container: ResolvedContainer | null;
  readonly engine: EngineName | null;
  readonly owned: boolean;
  /** On the host. */
  readonly project: string;
  /** The same directory in the box. */
  readonly inside: string;
  /** Options of the command line that mean this box. */
  readonly options: readonly string[];
  readonly caller: { readonly uid: number; readonly gid: number };
  /** Who runs berth for it; left out for the one who runs the tests. */
  readonly as?: User;
  /** What shows that a box that was there before still is the same; null for one that berth starts. */
  stamp(): Promise<string | null>;
  close(): Promise<void>;
}

const IMAGE = 'berth-busybox:latest';

/** Somebody else's number: root's files would prove nothing. */
const CALLER = { uid: 12_345, gid: 23_456 };

export async function bareBox(): Promise<Box> {
  const project = await aProject();
  return {
    container: null,
    engine: null,
    owned: false,
    project,
    inside: project,
    options: ['--no-container', '--workdir', project],
    caller: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    stamp: async () => null,
    close: () => rm(project, { recursive: true }),
  };
}

/** A container that berth starts for each run, of an image that is there, as a caller who is not root. */
export async function imageBox(engine: EngineName, as?: User): Promise<Box> {
  const project = await aProject();
  const { uid, gid } = as ?? CALLER;
  await chown(project, uid, gid);
  return {
    container: {
      ...nothing(engine),
      image: IMAGE,
      start: { volumes: [`${project}:${project}`], ports: [], engineArgs: [], hardened: false, build: null },
    },
    engine,
    owned: true,
    project,
    inside: project,
    options: ['--container-type', engine, '--container-image', IMAGE, '--workdir', project],
    caller: { uid, gid },
    ...(as && { as }),
    stamp: async () => null,
    close: () => rm(project, { recursive: true }),
  };
}

/** Somebody's running container. */
export async function runningBox(engine: EngineName, as?: User): Promise<Box> {
  const project = await aProject();
  if (as) await chown(project, as.uid, as.gid);
  const name = `berth-runs-${randomBytes(4).toString('hex')}`;
  const id = await call(
    ...[engine, 'run', '--detach', '--init', '--pull=never', `--name=${name}`],
    ...[`--mount=type=bind,source=${project},target=/project`, IMAGE, 'sleep', '100000'],
  );
  return {
    container: { ...nothing(engine), id },
    engine,
    owned: false,
    project,
    inside: '/project',
    options: ['--container-type', engine, '--container', name, '--workdir', project],
    caller: CALLER,
    ...(as && { as }),
    stamp: () => stampOf(engine, id),
    close: async () => {
      await call(engine, 'rm', '--force', name);
      await rm(project, { recursive: true });
    },
  };
}

/** A running service of a project of its own. */
export async function serviceBox(): Promise<Box> {
  const dir = await aProject();
  const file = join(dir, 'compose.yaml');
  const service = `image: '${IMAGE}', init: true, command: sleep 100000, volumes: ['.:/project']`;
  const project = `berth-runs-${randomBytes(4).toString('hex')}`;
  await writeFile(file, `name: ${project}\nservices: {web: {${service}}}\n`);
  const compose = ['docker', 'compose', '--file', file];
  await call(...compose, 'up', '--detach', '--pull=never', 'web');
  const id = await call(...compose, 'ps', '--quiet', '--no-trunc', 'web');
  return {
    container: {
      ...nothing('docker'),
      type: 'docker_compose',
      runtime: 'compose',
      project,
      service: 'web',
      compose: { dir, files: [file] },
    },
    engine: 'docker',
    owned: false,
    project: dir,
    inside: '/project',
    options: ['--container-service', 'web', '--workdir', dir],
    caller: CALLER,
    stamp: () => stampOf('docker', id),
    close: async () => {
      await call(...compose, 'down', '--timeout=0');
      await rm(dir, { recursive: true });
    },
  };
}

const host = localHost();

export async function call(...argv: readonly string[]): Promise<string> {
  const result = await host.exec({ argv, cwd: null, env: {} }, { timeoutMs: 120_000 });
  if (result.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`);
  return result.stdout.trim();
}

export async function aProject(): Promise<string> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'berth-runs-')));
  mkdirSync(Buffer.concat([Buffer.from(`${dir}/${ODD_TEXT}`), Buffer.from([0xff])]));
  return dir;
}

const ODD_TEXT = `odd '$(id)' "é" -n `;
/** Name of a directory of each project: blanks, quotes, and a byte that is not UTF-8. */
export const ODD_NAME = `${ODD_TEXT}\udcff`;

function stampOf(engine: EngineName, id: string): Promise<string> {
  return call(engine, 'inspect', '--format', '{{.Id}} {{.State.StartedAt}} {{.State.Status}}', id);
}

function nothing(engine: EngineName): ResolvedContainer {
  return {
    type: engine,
    runtime: engine,
    engine,
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
  };
}
