import type { Command } from '../core/command.ts';
import { BerthError } from '../core/errors.ts';
import type { ExecResult, Host } from '../core/host.ts';
import type { Availability } from '../core/inspect.ts';
import { type EngineName, engineCommand, lastWords } from './engine-cli.ts';
import { PROBE_TIMEOUT_MS } from './probe-engines.ts';

export interface ComposeAvailability extends Availability {
  /** How it is called: `docker compose`, `docker-compose`, `podman compose` or `podman-compose`. */
  readonly command: string | null;
}

/**
 * Which Compose is there. The plugin first, then a `docker-compose` that is v2 (its name proves nothing),
 * then what serves podman. Version 1 comes last, with a reason: it reads fewer files than version 2.
 */
export async function probeCompose(host: Host): Promise<ComposeAvailability> {
  const tried = await tryAll(host, CANDIDATES);
  const best = bestOf(tried);
  if (best === undefined) return missing(tried[0]?.result, await brokenPlugin(host, tried[0]?.result));
  return {
    available: true,
    state: 'answers',
    version: best.version,
    command: best.name,
    reason: isV1(best)
      ? 'docker-compose is version 1, which ended in 2023 and cannot read many files. Install the Compose plugin: https://docs.docker.com/compose/install/.'
      : null,
  };
}

/** How the Compose of an engine is called. */
export interface ComposeCommand {
  /** Program and first words; the arguments come behind. */
  readonly command: Command;
  /** Whether it knows `up --wait` and `--pull`. */
  readonly waits: boolean;
}

/**
 * The first Compose that works with an engine.
 *
 * @throws {BerthError} `RUNTIME_UNAVAILABLE`
 */
export async function findCompose(host: Host, engine: EngineName): Promise<ComposeCommand> {
  const best = bestOf(
    await tryAll(
      host,
      CANDIDATES.filter((one) => one.engine === engine),
    ),
  );
  if (best === undefined) {
    throw new BerthError(`There is no Compose for ${engine} here.`, {
      code: 'RUNTIME_UNAVAILABLE',
      hint: '`berth runtimes` shows what was tried and what mends it.',
    });
  }
  return { command: best.start, waits: engine === 'docker' && !isV1(best) };
}

const CANDIDATES: readonly Candidate[] = [
  { engine: 'docker', name: 'docker compose', start: engineCommand(['docker', 'compose']) },
  { engine: 'docker', name: 'docker-compose', start: { argv: ['docker-compose'], cwd: null, env: {} } },
  { engine: 'podman', name: 'podman compose', start: engineCommand(['podman', 'compose']) },
  {
    engine: 'podman',
    name: 'podman-compose',
    start: { argv: ['podman-compose'], cwd: null, env: { DOCKER_CONFIG: '' } },
  },
];

interface Candidate {
  readonly engine: EngineName;
  readonly name: string;
  readonly start: Command;
}

interface Tried extends Candidate {
  readonly result: ExecResult;
  /** Null when it does not work. */
  readonly version: string | null;
}

function tryAll(host: Host, candidates: readonly Candidate[]): Promise<readonly Tried[]> {
  return Promise.all(
    candidates.map(async (one) => {
      const argv = [...one.start.argv, 'version', '--short'];
      const result = await host.exec({ ...one.start, argv }, { timeoutMs: PROBE_TIMEOUT_MS });
      return { ...one, result, version: result.exitCode === 0 ? versionIn(result.stdout) : null };
    }),
  );
}

function bestOf(tried: readonly Tried[]): Tried | undefined {
  const working = tried.filter((one) => one.version !== null);
  return working.find((one) => !isV1(one)) ?? working[0];
}

function versionIn(text: string): string | null {
  return /^v?(\d+\.\d+\S*)$/m.exec(text)?.[1] ?? null;
}

/** podman-compose has a version 1 of its own. */
function isV1({ engine, version }: Tried): boolean {
  return engine === 'docker' && version?.startsWith('1.') === true;
}

/** A plugin that is there and does not work looks like an unknown command; `docker info` knows why. */
async function brokenPlugin(host: Host, result: ExecResult | undefined): Promise<string | null> {
  if (result === undefined || !/unknown command|is not a docker command/.test(result.stderr)) return null;
  const info = await host.exec(
    engineCommand(['docker', 'info', '--format', '{{json .ClientInfo.Plugins}}']),
    {
      timeoutMs: 500,
    },
  );
  try {
    const plugins = JSON.parse(info.stdout) as readonly { Name?: string; Path?: string; Err?: unknown }[];
    const plugin = plugins.find((one) => one.Name === 'compose' && one.Err);
    return plugin === undefined ? null : `${plugin.Path}: ${JSON.stringify(plugin.Err)}`;
  } catch {
    return null;
  }
}

function missing(plugin: ExecResult | undefined, broken: string | null): ComposeAvailability {
  const no = { available: false, version: null, command: null } as const;
  if (broken !== null) {
    return {
      ...no,
      state: 'unusable',
      reason: `The Compose plugin cannot be run: ${broken}. Install it again.`,
    };
  }
  if (plugin?.failure === 'timeout') {
    return {
      ...no,
      state: 'hangs',
      reason: '`docker compose version` gave no answer within 2 s. Run it by hand.',
    };
  }
  const strange =
    plugin !== undefined && plugin.failure === null && !/unknown|not a docker command/.test(plugin.stderr);
  if (strange) {
    return {
      ...no,
      state: 'unusable',
      reason: `Compose cannot be used: ${lastWords(plugin.stderr)} Install it again.`,
    };
  }
  return {
    ...no,
    state: 'not_installed',
    reason: 'Compose is not installed. Install the plugin: https://docs.docker.com/compose/install/.',
  };
}
