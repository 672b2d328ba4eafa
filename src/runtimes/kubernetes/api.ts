import { request } from 'node:http';
import type { KubeAnswer, KubeApi, KubeQuestion } from '../../core/cluster.ts';
import { BerthError, messageOf } from '../../core/errors.ts';
import type { Host } from '../../core/host.ts';
import { type ApiProxy, openProxy } from './proxy.ts';

const ANSWER_TIMEOUT_MS = 15_000;

/**
 * The API of each cluster, through one `kubectl proxy` a context: its first use costs a start of
 * kubectl, every other one a few milliseconds, and hundreds of Jobs need no process each.
 */
export function kubeApis(host: Host): (context: string) => KubeApi {
  const apis = new Map<string, KubeApi>();
  return (context) => {
    const known = apis.get(context) ?? proxiedApi(host, context);
    apis.set(context, known);
    return known;
  };
}

function proxiedApi(host: Host, context: string): KubeApi {
  let proxy: Promise<ApiProxy> | null = null;
  const open = async () => {
    proxy ??= openProxy(host, context).catch((error: unknown) => {
      proxy = null;
      throw error;
    });
    const opened = await proxy;
    if (!opened.ended) return opened.socketPath;
    proxy = null;
    return open();
  };
  return {
    async ask(question) {
      const answer = await send(await open(), question).catch((error: unknown) => {
        throw unreachable(context, messageOf(error));
      });
      return checked(context, answer);
    },
    async *stream(path, signal) {
      yield* receive(await open(), { path, signal, context });
    },
  };
}

/** What cannot be the question's own fault is an error; all else is an answer. */
function checked(context: string, answer: KubeAnswer): KubeAnswer {
  const { status, message } = answer;
  if (status === 401) {
    throw new BerthError(`The cluster of context "${context}" does not know you: ${sentence(message)}`, {
      code: 'CLUSTER_UNAUTHORIZED',
      hint: `Log in again, then try \`kubectl --context ${context} auth whoami\`.`,
    });
  }
  if (status === 502 || status === 503 || status === 504) throw unreachable(context, message);
  return answer;
}

function unreachable(context: string, words: string): BerthError {
  return new BerthError(`The cluster of context "${context}" does not answer: ${sentence(words)}`, {
    code: 'CLUSTER_UNREACHABLE',
    hint: `Check the network or the VPN, then \`kubectl --context ${context} version\`.`,
  });
}

function sentence(words: string): string {
  const text = words.trim().split('\n').at(-1) || 'it said nothing';
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function send(socketPath: string, { method, path, body }: KubeQuestion): Promise<KubeAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const asked = request({ socketPath, path, method, headers: HEADERS, signal }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => resolve(parsed(answer.statusCode ?? 0, Buffer.concat(chunks).toString())));
    });
    asked.on('error', (error) =>
      reject(signal.aborted ? new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`) : error),
    );
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The proxy takes only hosts that look local. */
const HEADERS = { Host: 'localhost', 'Content-Type': 'application/json', Accept: 'application/json' };

function parsed(status: number, text: string): KubeAnswer {
  try {
    const body: unknown = JSON.parse(text);
    const said = typeof body === 'object' && body !== null && 'message' in body ? body.message : '';
    return { status, body, message: String(said) };
  } catch {
    return { status, body: null, message: text.slice(0, 500) };
  }
}

async function* receive(
  socketPath: string,
  {
    path,
    signal,
    context,
  }: { readonly path: string; readonly signal: AbortSignal; readonly context: string },
): AsyncGenerator<Buffer> {
  const answer = await new Promise<NodeJS.ReadableStream & { statusCode?: number }>((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { Host: 'localhost' }, signal }, resolve);
    asked.on('error', reject);
    asked.end();
  });
  const isFine = answer.statusCode === 200;
  const refusal: Buffer[] = [];
  for await (const chunk of answer) {
    if (isFine) yield chunk as Buffer;
    else refusal.push(chunk as Buffer);
  }
  if (isFine) return;
  const { status, message } = checked(
    context,
    parsed(answer.statusCode ?? 0, Buffer.concat(refusal).toString()),
  );
  throw new BerthError(`The cluster answered ${status}: ${sentence(message)}`, {
    code: 'ENGINE_ERROR',
    hint: 'The words above are its own.',
  });
}
