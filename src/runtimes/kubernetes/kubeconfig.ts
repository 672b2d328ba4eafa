import type { Namespace } from '../../core/cluster.ts';
import { BerthError } from '../../core/errors.ts';
import type { Host } from '../../core/host.ts';
import { noKubectl } from './program.ts';

const READ_TIMEOUT_MS = 10_000;

/** The current context with its namespace. @throws {BerthError} `KUBECONFIG_MISSING`, `RUNTIME_UNAVAILABLE` */
export async function currentContext(host: Host): Promise<Namespace> {
  const config = await readConfig(host);
  const context = config['current-context'];
  if (context) return { context, namespace: namespaceIn(config, context) };
  throw new BerthError('The kubeconfig has no current context.', {
    code: 'KUBECONFIG_MISSING',
    hint: 'Name one with --kube-context, or set KUBECONFIG.',
  });
}

export async function contextNames(host: Host): Promise<readonly string[]> {
  const { contexts } = await readConfig(host);
  return (contexts ?? []).flatMap(({ name }) => name ?? []);
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?:
    | readonly { readonly name?: string; readonly context?: { readonly namespace?: string } }[]
    | null;
}

function namespaceIn({ contexts }: Kubeconfig, context: string): string {
  return contexts?.find(({ name }) => name === context)?.context?.namespace ?? 'default';
}

async function readConfig(host: Host): Promise<Kubeconfig> {
  const argv = ['kubectl', 'config', 'view', '--output=json'];
  const result = await host.exec({ argv, cwd: '/', env: {} }, { timeoutMs: READ_TIMEOUT_MS });
  try {
    if (result.exitCode === 0) return JSON.parse(result.stdout) as Kubeconfig;
  } catch {
    // said below
  }
  if (result.failure === 'not_found') throw noKubectl();
  throw new BerthError(
    `The kubeconfig cannot be read: ${result.stderr.trim().split('\n').at(-1) || 'kubectl did not answer'}`,
    { code: 'KUBECONFIG_MISSING', hint: 'Run `kubectl config view`.' },
  );
}
