import { execFile } from 'node:child_process';
import { posix } from 'node:path';
import type { ComposeProject } from '../../src/core/detection.ts';

/** What berth and Compose must agree on. */
export interface ProjectView {
  readonly name: string;
  readonly services: Readonly<Record<string, ServiceView>>;
}

interface ServiceView {
  readonly image: string | null;
  readonly build: { readonly context: string; readonly dockerfile: string | null } | null;
  readonly profiles: readonly string[];
  readonly volumes: readonly string[];
  readonly tmpfs: readonly string[];
  readonly workingDir: string | null;
  readonly user: string | null;
  readonly containerName: string | null;
  readonly dependsOn: readonly string[];
}

// biome-ignore lint/suspicious/noExplicitAny: the output of another program, looked at key by key
type Json = any;

/**
 * `docker compose config` with every profile on, in a directory with exactly these variables.
 *
 * @returns its JSON, with `$$` undone; an error text when Compose does not load the project
 */
export function composeConfig(
  dir: string,
  environment: Readonly<Record<string, string>>,
): Promise<Json | string> {
  const { PATH = '', HOME = '', DOCKER_CONFIG } = process.env;
  const env = { PATH, HOME, ...(DOCKER_CONFIG && { DOCKER_CONFIG }), PWD: dir, ...environment };
  const args = ['compose', '--profile', '*', 'config', '--format', 'json'];
  return new Promise((done) => {
    execFile('docker', args, { cwd: dir, env, timeout: 30_000 }, (error, stdout, stderr) => {
      done(error ? stderr || error.message : JSON.parse(stdout, unescapeDollars));
    });
  });
}

function unescapeDollars(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll('$$', '$') : value;
}

export function viewOfConfig(config: Json): ProjectView {
  const services = mapValues<Json, ServiceView>(config.services ?? {}, (service) =>
    viewOfConfigService(service, config.volumes ?? {}),
  );
  return { name: config.name, services };
}

function viewOfConfigService(service: Json, named: Json): ServiceView {
  const { build } = service;
  return {
    image: service.image ?? null,
    build: build ? { context: normalPath(build.context), dockerfile: build.dockerfile ?? null } : null,
    profiles: service.profiles ?? [],
    volumes: (service.volumes ?? []).map((volume: Json) =>
      viewOfMount({ readOnly: volume.read_only, ...volume, ...bindOf(volume, named) }),
    ),
    tmpfs: (service.tmpfs ?? []).map((entry: string) => normalPath(entry.split(':')[0] ?? '')),
    workingDir: service.working_dir ?? null,
    user: service.user ?? null,
    containerName: service.container_name ?? null,
    dependsOn: Object.keys(service.depends_on ?? {}).sort(),
  };
}

export function viewOfProject(project: ComposeProject): ProjectView {
  const entries = project.services.map(({ name, enabled: _, ...service }) => [
    name,
    { ...service, volumes: service.volumes.map(viewOfMount) },
  ]);
  return { name: project.name, services: Object.fromEntries(entries) };
}

/** What a named volume of the engine's own driver is when it binds a directory. */
function bindOf({ type, source }: Json, named: Json): Json {
  const { driver = 'local', driver_opts: options = {} } = (type === 'volume' && named[source]) || {};
  const { o = '', device = '' } = options ?? {};
  const isBind = driver === 'local' && /\br?bind\b/.test(o) && device.startsWith('/');
  return isBind ? { type: 'bind', source: device } : {};
}

/** One line, so that a difference reads well. */
function viewOfMount(mount: Json): string {
  const source = mount.type === 'bind' ? normalPath(mount.source) : (mount.source ?? '');
  return `${mount.type} ${source} -> ${mount.target}${mount.readOnly ? ' ro' : ''}`;
}

/** Compose leaves an absolute path as it is written; berth tidies it. */
function normalPath(path: string): string {
  return path.startsWith('/') ? posix.normalize(path).replace(/(?<=.)\/$/, '') : path;
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
