import type { ExecResult, Host } from '../core/host.ts';
import type { Availability } from '../core/inspect.ts';
import { lastWords } from './engine-cli.ts';
import { PROBE_TIMEOUT_MS } from './probe-engines.ts';

export interface KubernetesAvailability extends Availability {
  /** The current context, shown and never used unasked. */
  readonly context: string | null;
  readonly namespace: string | null;
}

/** The cluster of the current context, asked for its version only; without one nothing is asked. */
export async function probeKubernetes(host: Host): Promise<KubernetesAvailability> {
  const until = performance.now() + PROBE_TIMEOUT_MS;
  const config = await kubectl(host, ['config', 'view', '--output=json'], PROBE_TIMEOUT_MS);
  if (config.exitCode !== 0) return unconfigured(config, null);
  const { context, namespace } = currentContext(config.stdout);
  if (context === null) return unconfigured(config, await clientVersion(host, until));

  const timeoutMs = Math.max(100, until - performance.now());
  const result = await kubectl(
    host,
    ['version', '--output=json', `--context=${context}`, '--request-timeout=2s'],
    timeoutMs,
  );
  const versions = parse<Versions>(result.stdout);
  const server = versions?.serverVersion?.gitVersion;
  if (result.exitCode === 0 && server !== undefined) {
    return { available: true, state: 'answers', version: server, context, namespace, reason: null };
  }
  return {
    available: false,
    ...noAnswer(context, result),
    version: versions?.clientVersion?.gitVersion ?? null,
    context,
    namespace,
  };
}

/** Standard input is closed: after a 401 kubectl would ask for a user name. */
function kubectl(host: Host, args: readonly string[], timeoutMs: number): Promise<ExecResult> {
  return host.exec({ argv: ['kubectl', ...args], cwd: null, env: {} }, { timeoutMs });
}

interface Versions {
  readonly clientVersion?: { readonly gitVersion?: string };
  readonly serverVersion?: { readonly gitVersion?: string };
}

interface Config {
  readonly 'current-context'?: string;
  readonly contexts?:
    | readonly { readonly name?: string; readonly context?: { readonly namespace?: string } }[]
    | null;
}

function parse<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}

function currentContext(text: string): {
  readonly context: string | null;
  readonly namespace: string | null;
} {
  const config = parse<Config>(text);
  const context = config?.['current-context'] || null;
  if (context === null) return { context: null, namespace: null };
  const entry = config?.contexts?.find((one) => one.name === context);
  return { context, namespace: entry?.context?.namespace ?? 'default' };
}

async function clientVersion(host: Host, until: number): Promise<string | null> {
  const timeoutMs = Math.max(100, until - performance.now());
  const result = await kubectl(host, ['version', '--client', '--output=json'], timeoutMs);
  return parse<Versions>(result.stdout)?.clientVersion?.gitVersion ?? null;
}

function unconfigured(config: ExecResult, version: string | null): KubernetesAvailability {
  const no = { available: false, version, context: null, namespace: null } as const;
  if (config.failure === 'not_found') {
    return {
      ...no,
      state: 'not_installed',
      reason: 'kubectl is not installed. Install it from https://kubernetes.io/docs/tasks/tools/.',
    };
  }
  if (config.failure === 'timeout') {
    return {
      ...no,
      state: 'hangs',
      reason: '`kubectl config view` gave no answer within 2 s. Run it by hand.',
    };
  }
  if (config.exitCode !== 0) {
    return {
      ...no,
      state: 'unusable',
      reason: `kubectl cannot be used: ${lastWords(config.stderr)} Correct KUBECONFIG or ~/.kube/config.`,
    };
  }
  return {
    ...no,
    state: 'not_configured',
    reason:
      'kubectl is present, but not configured: there is no current context. Set KUBECONFIG, or `kubectl config use-context NAME`.',
  };
}

function noAnswer(context: string, result: ExecResult): Pick<Availability, 'state' | 'reason'> {
  if (result.failure === 'timeout' || /timeout|deadline exceeded|timed out/i.test(result.stderr)) {
    return {
      state: 'hangs',
      reason: `The cluster of context "${context}" gave no answer within 2 s. Check the network or the VPN, then \`kubectl --context ${context} version\`.`,
    };
  }
  const words = lastWords(result.stderr);
  if (/unauthorized|forbidden|must be logged in|provide credentials|username/i.test(result.stderr)) {
    return {
      state: 'no_permission',
      reason: `The cluster of context "${context}" does not accept you: ${words} Log in again.`,
    };
  }
  if (
    /no such host|does not exist|invalid configuration|no configuration has been provided/i.test(
      result.stderr,
    )
  ) {
    return {
      state: 'bad_endpoint',
      reason: `Context "${context}" leads nowhere: ${words} \`kubectl config get-contexts\` lists the contexts.`,
    };
  }
  return {
    state: 'no_daemon',
    reason: `The cluster of context "${context}" does not answer: ${words} Start it, or choose another context.`,
  };
}
