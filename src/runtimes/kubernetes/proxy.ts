import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closest } from '../../core/closest.ts';
import { BerthError } from '../../core/errors.ts';
import type { Host, Spawned } from '../../core/host.ts';
import { contextNames } from './kubeconfig.ts';
import { noKubectl } from './program.ts';

export interface ApiProxy {
  readonly socketPath: string;
  readonly ended: boolean;
}

const START_TIMEOUT_MS = 10_000;

/**
 * `kubectl proxy` on a unix socket in a folder that only this user may enter, for as long as this
 * process lives: kubectl keeps every kind of credentials, and nothing listens on the network.
 *
 * @throws {BerthError} `RUNTIME_UNAVAILABLE`, `KUBECONFIG_MISSING`, `KUBE_CONTEXT_NOT_FOUND`, `CLUSTER_UNREACHABLE`
 */
export async function openProxy(host: Host, context: string): Promise<ApiProxy> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-kube-'));
  const socketPath = join(dir, 'proxy.sock');
  const child = host.spawn(
    {
      argv: ['sh', '-c', LEASHED, dir, `--context=${context}`, 'proxy', `--unix-socket=${socketPath}`],
      cwd: '/',
      env: {},
    },
    { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', detached: true },
  );
  const proxy = { socketPath, ended: false };
  child.stdin?.on('error', () => {});
  child.stdout?.once('close', () => {
    proxy.ended = true;
    child.stdin?.end();
  });
  const words = await firstWords(child);
  if (words === null) {
    child.unref();
    return proxy;
  }
  child.stdin?.end();
  throw await whyNot(host, context, words);
}

/** Ends with its stdin, which is ours: also when we are killed. Only kubectl holds the output streams. */
const LEASHED = [
  'kubectl "$@" </dev/null & pid=$!',
  `trap 'kill "$pid" 2>/dev/null; rm -rf "$0"' EXIT`,
  'trap exit TERM HUP INT',
  'exec >/dev/null 2>&1',
  'while read -r line; do :; done',
].join('\n');

/** Null once it serves, else what it said instead. */
function firstWords(child: Spawned): Promise<string | null> {
  return new Promise((resolve) => {
    let said = '';
    const deadline = setTimeout(
      () => end(`kubectl did not start within ${START_TIMEOUT_MS} ms`),
      START_TIMEOUT_MS,
    );
    const end = (words: string | null) => {
      clearTimeout(deadline);
      resolve(words);
    };
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000);
    });
    child.stdout?.once('data', () => end(null));
    child.stdout?.once('close', () => end(said));
  });
}

async function whyNot(host: Host, context: string, words: string): Promise<BerthError> {
  const said = words.trim().split('\n').at(-1) ?? '';
  if (/kubectl: (?:command )?not found|kubectl: No such file/.test(words)) {
    return noKubectl();
  }
  if (!/does not exist|was not found/.test(words)) {
    return new BerthError(`kubectl cannot be used with context "${context}": ${said}`, {
      code: 'CLUSTER_UNREACHABLE',
      hint: `Try \`kubectl --context ${context} version\`.`,
    });
  }
  return unknownContext(context, await contextNames(host));
}

function unknownContext(context: string, names: readonly string[]): BerthError {
  if (names.length === 0) {
    return new BerthError(`There is no kubeconfig with a context "${context}": it has no contexts at all.`, {
      code: 'KUBECONFIG_MISSING',
      hint: 'Set KUBECONFIG, or write ~/.kube/config with the tool that made your cluster.',
    });
  }
  const near = closest(context, names);
  return new BerthError(`The kubeconfig has no context "${context}".`, {
    code: 'KUBE_CONTEXT_NOT_FOUND',
    hint: near === null ? `It has ${names.slice(0, 8).join(', ')}.` : `Did you mean ${near}?`,
  });
}
