import type { ExecResult, Host } from '../core/host.ts';
import type { Availability } from '../core/inspect.ts';
import { engineCommand, engineTrouble, lastWords, type Trouble } from './engine-cli.ts';

export interface EngineAvailability extends Availability {
  /** Where the program looks for its engine; null when it needs none, or cannot tell. */
  readonly endpoint: string | null;
  /** What really answers: `docker` may be podman under another name. */
  readonly flavor: 'docker' | 'podman' | null;
}

export const PROBE_TIMEOUT_MS = 2_000;

export async function probeDocker(host: Host): Promise<EngineAvailability> {
  const options = { timeoutMs: PROBE_TIMEOUT_MS };
  const [version, context, env] = await Promise.all([
    host.exec(engineCommand(['docker', 'version', '--format', '{{json .}}']), options),
    host.exec(
      engineCommand(['docker', 'context', 'inspect', '--format', '{{.Name}} {{.Endpoints.docker.Host}}']),
      options,
    ),
    ownEnvironment(host),
  ]);
  const endpoint = endpointOf(context, env);
  const answer = parse(version.stdout);
  if (version.exitCode === 0 && answer !== null) return answers(answer, endpoint);
  const trouble = await finerTrouble(host, endpoint, engineTrouble(version) ?? 'unusable');
  return {
    available: false,
    state: trouble,
    version: answer?.Client?.Version ?? null,
    endpoint: endpoint.url,
    flavor: trouble === 'not_installed' ? null : 'docker',
    reason: dockerReason(trouble, endpoint, version),
  };
}

export async function probePodman(host: Host): Promise<EngineAvailability> {
  const format = '{{.Version.Version}} {{.Host.ServiceIsRemote}} {{.Host.RemoteSocket.Path}}';
  const result = await host.exec(engineCommand(['podman', 'info', '--format', format]), {
    timeoutMs: PROBE_TIMEOUT_MS,
  });
  const [version = null, remote, socket = null] = result.stdout.trim().split(' ');
  if (result.exitCode === 0) {
    const endpoint = remote === 'true' ? socket : null;
    return { available: true, state: 'answers', version, endpoint, flavor: 'podman', reason: null };
  }
  const trouble = engineTrouble(result) ?? 'unusable';
  return {
    available: false,
    state: trouble,
    version: null,
    endpoint: null,
    flavor: trouble === 'not_installed' ? null : 'podman',
    reason: podmanReason(trouble, result),
  };
}

/** Variables of the host that choose an endpoint; on another machine they are not this process's own. */
async function ownEnvironment(host: Host): Promise<Readonly<Record<string, string>>> {
  const result = await host.exec({ argv: ['env'], cwd: null, env: {} }, { timeoutMs: PROBE_TIMEOUT_MS });
  const pairs = result.stdout.matchAll(/^(DOCKER_HOST|DOCKER_CONTEXT)=(.+)$/gm);
  return Object.fromEntries([...pairs].map(([, name = '', value = '']) => [name, value]));
}

interface Endpoint {
  readonly url: string | null;
  /** Where the endpoint comes from. */
  readonly source: 'DOCKER_HOST' | 'DOCKER_CONTEXT' | 'context' | 'default';
  /** The source in words. */
  readonly from: string;
}

/** Order of docker/cli, `resolveContextName`: DOCKER_HOST, DOCKER_CONTEXT, the current context, the default. */
function endpointOf(context: ExecResult, env: Readonly<Record<string, string>>): Endpoint {
  const [name = '', url = null] = context.exitCode === 0 ? context.stdout.trim().split(' ') : [];
  if (env['DOCKER_HOST']) return { url: env['DOCKER_HOST'], source: 'DOCKER_HOST', from: 'DOCKER_HOST' };
  if (env['DOCKER_CONTEXT']) {
    return { url, source: 'DOCKER_CONTEXT', from: `DOCKER_CONTEXT=${env['DOCKER_CONTEXT']}` };
  }
  if (name !== 'default' && name !== '')
    return { url, source: 'context', from: `the current context "${name}"` };
  return { url, source: 'default', from: 'the default' };
}

interface VersionAnswer {
  readonly Client?: { readonly Version?: string; readonly BuildOrigin?: string };
  readonly Server?: {
    readonly Version?: string;
    readonly Components?: readonly { readonly Name?: string }[];
  } | null;
}

function parse(text: string): VersionAnswer | null {
  try {
    return JSON.parse(text) as VersionAnswer;
  } catch {
    return null;
  }
}

function answers(answer: VersionAnswer, endpoint: Endpoint): EngineAvailability {
  // podman without a service answers for itself, with no server at all
  const isPodman = !answer.Server || answer.Server.Components?.some((one) => /podman/i.test(one.Name ?? ''));
  return {
    available: true,
    state: 'answers',
    version: answer.Server?.Version ?? answer.Client?.Version ?? null,
    endpoint: endpoint.url,
    flavor: isPodman ? 'podman' : 'docker',
    reason: null,
  };
}

/** The client says the same of a socket that is not there and of one that nobody listens on. */
async function finerTrouble(host: Host, endpoint: Endpoint, trouble: Trouble): Promise<Trouble> {
  if (trouble !== 'no_daemon' || endpoint.source !== 'DOCKER_HOST' || !endpoint.url?.startsWith('unix://')) {
    return trouble;
  }
  const path = endpoint.url.slice('unix://'.length);
  const found = await host.exec({ argv: ['test', '-e', path], cwd: null, env: {} }, { timeoutMs: 500 });
  return found.exitCode === 1 ? 'bad_endpoint' : trouble;
}

function dockerReason(trouble: Trouble, { url, source, from }: Endpoint, result: ExecResult): string {
  const at = `${url ?? 'its endpoint'} (from ${from})`;
  switch (trouble) {
    case 'not_installed':
      return 'docker is not installed. Install it from https://docs.docker.com/engine/install/, or use podman.';
    case 'unusable':
      return `docker cannot be used: ${lastWords(result.stderr)} Run \`docker version\` and see.`;
    case 'no_permission':
      return `docker is installed, but this user may not open ${at}. Join its group with \`sudo usermod -aG docker $USER\` and log in again.`;
    case 'hangs':
      return `docker is installed, but ${at} gave no answer within 2 s. Restart the engine, and see what \`docker version\` waits for.`;
    case 'bad_endpoint':
      return source === 'DOCKER_HOST'
        ? `DOCKER_HOST is ${url}, and docker cannot reach that: ${lastWords(result.stderr)} Correct or unset DOCKER_HOST.`
        : `docker cannot use ${from}: ${lastWords(result.stderr)} \`docker context ls\` lists the contexts, \`docker context use NAME\` chooses one.`;
    case 'no_daemon':
      return `docker is installed, but no engine answers at ${at}. ${startMend(source)}`;
  }
}

function startMend(source: Endpoint['source']): string {
  switch (source) {
    case 'DOCKER_HOST':
      return 'Start the engine there, or unset DOCKER_HOST.';
    case 'DOCKER_CONTEXT':
      return 'Start the engine of that context, or unset DOCKER_CONTEXT.';
    case 'context':
      return 'Start the engine of that context, or choose another with `docker context use NAME`.';
    case 'default':
      return 'Start it: `sudo systemctl start docker`, or Docker Desktop, Colima, OrbStack, Rancher Desktop.';
  }
}

function podmanReason(trouble: Trouble, result: ExecResult): string {
  switch (trouble) {
    case 'not_installed':
      return 'podman is not installed. Install it from https://podman.io/docs/installation, or use docker.';
    case 'hangs':
      return 'podman gave no answer within 2 s. See what `podman info` waits for; a lock may be held by another podman.';
    case 'no_daemon':
    case 'bad_endpoint':
    case 'no_permission':
      return `podman is installed, but its service does not answer: ${lastWords(result.stderr)} Try \`podman machine start\`, or look at CONTAINER_HOST.`;
    case 'unusable':
      return `podman cannot be used: ${lastWords(result.stderr)} Run \`podman info\` and see.`;
  }
}
