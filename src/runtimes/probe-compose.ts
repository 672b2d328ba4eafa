import type { Command } from '../core/command.ts';
import { BerthError } from '../core/errors.ts';
import type { ExecResult, Host } from '../core/host.ts';
import type { Availability } from '../core/inspect.ts';
import { ASK_TIMEOUT_MS, type EngineName, engineCommand, lastWords } from './engine-cli.ts';
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
  const tried = await tryAll(host, CANDIDATES, PROBE_TIMEOUT_MS);
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
  /** Which options it knows. */
  readonly dialect: ComposeDialect;
}

export type ComposeDialect = 'v2' | 'v1' | 'podman-compose';

/**
 * The first Compose that works with an engine.
 *
 * @throws {BerthError} `RUNTIME_UNAVAILABLE`
 */
export async function findCompose(host: Host, engine: EngineName): Promise<ComposeCommand> {
  // somebody waits for a service: a Compose that takes its time on a busy machine is not a missing one
  const candidates = CANDIDATES.filter((one) => one.engine === engine);
  const tried = await tryAll(host, candidates, ASK_TIMEOUT_MS);
  const best = bestOf(tried);
  if (best === undefined) {
    const slow = tried.find(({ result }) => result.failure === 'timeout');
    if (slow !== undefined) throw unanswered(slow.name);
    throw new BerthError(`There is no Compose for ${engine} here.`, {
      code: 'RUNTIME_UNAVAILABLE',
      hint: '`berth runtimes` shows what was tried and what mends it.',
    });
  }
  return { command: best.start, dialect: dialectOf(best) };
}

function unanswered(name: string): BerthError {
  return new BerthError(`${name} did not answer within ${ASK_TIMEOUT_MS} ms.`, {
    code: 'RUNTIME_UNAVAILABLE',
    hint: `Run \`${name} version\` by hand, and try again when it answers.`,
  });
}

const SHORT = ['version', '--short'];
/** What serves podman may be podman-compose, which knows no `--short` before 1.0.7; its whole answer names it. */
const LONG = ['version'];
const CANDIDATES: readonly Candidate[] = [
  { engine: 'docker', name: 'docker compose', start: engineCommand(['docker', 'compose']), ask: SHORT },
  {
    engine: 'docker',
    name: 'docker-compose',
    start: { argv: ['docker-compose'], cwd: null, env: {} },
    ask: SHORT,
  },
  { engine: 'podman', name: 'podman compose', start: engineCommand(['podman', 'compose']), ask: LONG },
  {
    engine: 'podman',
    name: 'podman-compose',
    start: { argv: ['podman-compose'], cwd: null, env: { DOCKER_CONFIG: '' } },
    ask: LONG,
  },
];

interface Candidate {
  readonly engine: EngineName;
  readonly name: string;
  readonly start: Command;
  /** What it answers its version to. */
  readonly ask: readonly string[];
}

interface Tried extends Candidate {
  readonly result: ExecResult;
  /** Null when it does not work. */
  readonly version: string | null;
}

function tryAll(host: Host, candidates: readonly Candidate[], timeoutMs: number): Promise<readonly Tried[]> {
  return Promise.all(
    candidates.map(async (one) => {
      const argv = [...one.start.argv, ...one.ask];
      const result = await host.exec({ ...one.start, argv }, { timeoutMs });
      return { ...one, result, version: result.exitCode === 0 ? versionIn(result.stdout) : null };
    }),
  );
}

function bestOf(tried: readonly Tried[]): Tried | undefined {
  const working = tried.filter((one) => one.version !== null);
  return working.find((one) => !isV1(one)) ?? working[0];
}

function versionIn(text: string): string | null {
  return (
    /^(?:(?:podman-compose|docker compose|docker-compose)r? version:?\s+)?v?(\d+\.\d+\S*)$/im.exec(
      text,
    )?.[1] ?? null
  );
}

function isV1(tried: Tried): boolean {
  return dialectOf(tried) === 'v1';
}

/** podman-compose has a version 1 of its own. */
function dialectOf({ name, result, version }: Tried): ComposeDialect {
  if (name === 'podman-compose' || /^podman-compose/m.test(result.stdout)) return 'podman-compose';
  return version?.startsWith('1.') ? 'v1' : 'v2';
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
