import { readFile } from 'node:fs/promises';
import { kubernetesPolicy } from './config.ts';
import type { World } from './contexts/resolve/world.ts';
import type { Cluster, KubeApi } from './core/cluster.ts';
import { BerthError, messageOf } from './core/errors.ts';
import type { Host } from './core/host.ts';

/** Kubernetes as the other parts need it; nothing is loaded or started before the first use. */
export interface Clusters {
  readonly world: World['kubernetes'];
  apiOf(context: string): Promise<KubeApi>;
}

export function clusters(host: Host, env: Readonly<Record<string, string | undefined>>): Clusters {
  let apis: Promise<(context: string) => KubeApi> | null = null;
  const api = () => {
    apis ??= import('./runtimes/kubernetes/api.ts').then(({ kubeApis }) => kubeApis(host, env));
    return apis;
  };
  let known: Promise<Cluster> | null = null;
  const cluster = () => {
    known ??= Promise.all([import('./runtimes/kubernetes/cluster.ts'), api()]).then(
      ([{ clusterOf }, apiOf]) => clusterOf(host, apiOf),
    );
    return known;
  };
  return {
    apiOf: async (context) => (await api())(context),
    world: {
      cluster: {
        current: async () => (await cluster()).current(),
        pods: async (where, wanted) => (await cluster()).pods(where, wanted),
        refusal: async (where, action) => (await cluster()).refusal(where, action),
      },
      policy: () => kubernetesPolicy(env),
      manifest,
    },
  };
}

async function manifest(path: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new BerthError(`The manifest ${path} cannot be read: ${messageOf(error)}.`, {
      code: 'FILE_NOT_FOUND',
      hint: 'Give a file with a Job, or with the part of one that differs.',
    });
  });
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { prettyErrors: false });
  const [broken] = document.errors;
  const value: unknown = broken === undefined ? document.toJS({ maxAliasCount: 100 }) : null;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new BerthError(`${path} is no manifest: ${broken?.message ?? 'it is not one object'}.`, {
    code: 'BAD_DATA',
    hint: 'It is one YAML or JSON document, such as a Job.',
  });
}
