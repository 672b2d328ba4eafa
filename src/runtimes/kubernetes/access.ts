import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';

/** A cluster that can be reached without kubectl. */
export interface Access {
  readonly server: URL;
  readonly tls: Tls;
  readonly headers: Readonly<Record<string, string>>;
}

interface Tls {
  /** The certificates: read once, not once a connection. */
  readonly secureContext: SecureContext;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the kubeconfig says of a context, where it says everything itself: an address, and a token or a
 * certificate. Null for all else, such as a program that is asked for credentials, or a proxy on the way:
 * that is kubectl's to know.
 */
export async function plainAccess(context: string, env: Environment): Promise<Access | null> {
  try {
    const files = await Promise.all(kubeconfigs(env).map(readConfig));
    const chosen = named(files, 'contexts', context, 'context');
    const cluster = chosen && named(files, 'clusters', text(chosen.value, 'cluster'), 'cluster');
    const user = chosen && named(files, 'users', text(chosen.value, 'user'), 'user');
    if (!chosen || !cluster || !user) return null;
    if (!knows(chosen, CONTEXT) || !knows(cluster, CLUSTER) || !knows(user, USER)) return null;
    const server = new URL(text(cluster.value, 'server'));
    if (!/^https?:$/.test(server.protocol) || isProxied(server, env)) return null;
    const token = text(user.value, 'token');
    return {
      server,
      tls: await tlsOf(cluster, user),
      headers: token === '' ? {} : { Authorization: `Bearer ${token}` },
    };
  } catch {
    return null;
  }
}

/** Keys whose meaning is known here; with any other one kubectl is asked. */
const CONTEXT = ['cluster', 'user', 'namespace', 'extensions'];
const CLUSTER = [
  ...['server', 'certificate-authority', 'certificate-authority-data', 'insecure-skip-tls-verify'],
  ...['tls-server-name', 'disable-compression', 'extensions'],
];
const USER = [
  ...[
    'token',
    'client-certificate',
    'client-certificate-data',
    'client-key',
    'client-key-data',
    'extensions',
  ],
];

function knows({ value }: Entry, keys: readonly string[]): boolean {
  return Object.keys(value).every((key) => keys.includes(key));
}

function kubeconfigs({ KUBECONFIG, HOME }: Environment): readonly string[] {
  const named = (KUBECONFIG ?? '').split(delimiter).filter((path) => path !== '');
  return named.length > 0 ? named : [join(HOME ?? homedir(), '.kube', 'config')];
}

interface ConfigFile {
  readonly folder: string;
  readonly value: unknown;
}

async function readConfig(path: string): Promise<ConfigFile> {
  const words = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '{}';
    throw error;
  });
  const value: unknown = words.trimStart().startsWith('{') ? JSON.parse(words) : await yaml(words);
  return { folder: dirname(resolve(path)), value };
}

async function yaml(words: string): Promise<unknown> {
  const { parse } = await import('yaml');
  return parse(words, { maxAliasCount: 100 });
}

interface Entry {
  readonly folder: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Of entries with one name the first counts. Source: client-go, `ClientConfigLoadingRules.Load`. */
function named(
  files: readonly ConfigFile[],
  list: string,
  name: string,
  key: 'context' | 'cluster' | 'user',
): Entry | null {
  for (const { folder, value } of files) {
    const entries = fields(value)?.[list];
    const found = Array.isArray(entries) ? entries.map(fields).find((one) => one?.['name'] === name) : null;
    if (found) return { folder, value: fields(found[key]) ?? {} };
  }
  return null;
}

function fields(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
}

function text(value: Readonly<Record<string, unknown>>, key: string): string {
  const found = value[key];
  return typeof found === 'string' ? found : '';
}

/** As Go's `ProxyFromEnvironment`, which never asks a proxy for this machine. */
function isProxied({ hostname }: URL, env: Environment): boolean {
  const names = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];
  if (names.every((name) => !env[name])) return false;
  return !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

async function tlsOf(cluster: Entry, user: Entry): Promise<Tls> {
  const [ca, cert, key] = await Promise.all([
    pem(cluster, 'certificate-authority'),
    pem(user, 'client-certificate'),
    pem(user, 'client-key'),
  ]);
  const servername = text(cluster.value, 'tls-server-name');
  const isUnchecked = cluster.value['insecure-skip-tls-verify'] === true;
  return {
    // without a list Node reads all authorities that it brings, and that takes longer than a connection
    secureContext: createSecureContext({
      ...(isUnchecked ? { ca: [] } : ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
    }),
    ...(servername !== '' && { servername }),
    ...(isUnchecked && { rejectUnauthorized: false }),
  };
}

/** The data itself counts more than a file's name, as kubectl has it. */
async function pem({ folder, value }: Entry, key: string): Promise<Buffer | null> {
  const data = text(value, `${key}-data`);
  if (data !== '') return Buffer.from(data, 'base64');
  const path = text(value, key);
  return path === '' ? null : readFile(resolve(folder, path));
}
