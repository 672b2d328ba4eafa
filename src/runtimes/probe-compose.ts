import type { Command } from '../core/command.ts';
import type { ExecResult, Host } from '../core/host.ts';
import type { Availability } from '../core/inspect.ts';
import { engineCommand, lastWords } from './engine-cli.ts';
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
  const tried = await Promise.all(
    CANDIDATES.map(async (one) => ({ ...one, result: await ask(host, one.ask) })),
  );
  const found = tried.flatMap((one) => {
    const version = one.result.exitCode === 0 ? versionIn(one.result.stdout) : null;
    return version === null ? [] : [{ command: one.command, version }];
  });
  const best = found.find((one) => !isV1(one)) ?? found[0];
  if (best === undefined) return missing(tried[0]?.result, await brokenPlugin(host, tried[0]?.result));
  return {
    available: true,
    state: 'answers',
    ...best,
    reason: isV1(best)
      ? 'docker-compose is version 1, which ended in 2023 and cannot read many files. Install the Compose plugin: https://docs.docker.com/compose/install/.'
      : null,
  };
}

const CANDIDATES: readonly { readonly command: string; readonly ask: Command }[] = [
  { command: 'docker compose', ask: engineCommand(['docker', 'compose', 'version', '--short']) },
  {
    command: 'docker-compose',
    ask: { argv: ['docker-compose', 'version', '--short'], cwd: null, env: {} },
  },
  { command: 'podman compose', ask: engineCommand(['podman', 'compose', 'version', '--short']) },
  {
    command: 'podman-compose',
    ask: { argv: ['podman-compose', 'version', '--short'], cwd: null, env: { DOCKER_CONFIG: '' } },
  },
];

function ask(host: Host, command: Command): Promise<ExecResult> {
  return host.exec(command, { timeoutMs: PROBE_TIMEOUT_MS });
}

function versionIn(text: string): string | null {
  return /^v?(\d+\.\d+\S*)$/m.exec(text)?.[1] ?? null;
}

function isV1({ command, version }: { readonly command: string; readonly version: string }): boolean {
  return command === 'docker-compose' && version.startsWith('1.');
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
