import type { KubeAnswer, KubeApi, KubeQuestion } from '../../core/cluster.ts';
import { BerthError, messageOf } from '../../core/errors.ts';
import type { Host } from '../../core/host.ts';
import { openExec } from './exec.ts';
import { directWire, kubectlWire, type Wire } from './wire.ts';

const ANSWER_TIMEOUT_MS = 15_000;

/**
 * The API of each cluster: by the kubeconfig's own address and credentials where it has them, else through
 * one `kubectl proxy` a context. Hundreds of Jobs need no process each.
 */
export function kubeApis(
  host: Host,
  env: Readonly<Record<string, string | undefined>> = process.env,
): (context: string) => KubeApi {
  const apis = new Map<string, KubeApi>();
  return (context) => {
    const known = apis.get(context) ?? apiOf(context, wires(host, context, env));
    apis.set(context, known);
    return known;
  };
}

interface Wires {
  open(): Promise<Wire>;
  /** This one is of no use: read the kubeconfig again, or, where its words are not understood, ask kubectl. */
  drop(wire: Wire, why: 'unauthorized' | 'not_understood'): void;
}

function wires(host: Host, context: string, env: Readonly<Record<string, string | undefined>>): Wires {
  let opening: Promise<Wire> | null = null;
  let onlyKubectl = false;
  const connect = async () =>
    (onlyKubectl ? null : await directWire(context, env)) ?? (await kubectlWire(host, context));
  const open = async (): Promise<Wire> => {
    opening ??= connect().catch((error: unknown) => {
      opening = null;
      throw error;
    });
    const wire = await opening;
    if (!wire.ended) return wire;
    opening = null;
    return open();
  };
  return {
    open,
    drop: (wire, why) => {
      if (wire.kind !== 'direct') return;
      onlyKubectl ||= why === 'not_understood';
      opening = null;
    },
  };
}

function apiOf(context: string, wires: Wires): KubeApi {
  const ask = async (question: KubeQuestion): Promise<KubeAnswer> => {
    const wire = await wires.open();
    try {
      const answer = await send(wire, question);
      if (answer.status !== 401 || wire.kind !== 'direct') return answer;
      // another login may have written a new token
      wires.drop(wire, 'unauthorized');
      return await send(await wires.open(), question);
    } catch (error) {
      if (wire.kind !== 'direct' || isNetwork(error)) throw unreachable(context, messageOf(error));
      wires.drop(wire, 'not_understood');
      return ask(question);
    }
  };
  return {
    ask: async (question) => checked(context, await ask(question)),
    async *stream(path, signal) {
      yield* receive(await wires.open(), { path, signal, context });
    },
    exec: async (target, argv) => {
      const wire = await wires.open().catch(() => null);
      return wire && openExec(wire, target, argv);
    },
  };
}

/** Of another kind are certificates that Go takes and OpenSSL does not. */
function isNetwork(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(?:E(?:CONN\w+|HOST\w+|NET\w+|TIMEDOUT|PIPE|NOTFOUND|ADDRNOTAVAIL)|EAI_\w+|ABORT_ERR|)$/.test(
    code,
  );
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

function send(wire: Wire, question: KubeQuestion): Promise<KubeAnswer> {
  const { method, path, body } = question;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const asked = wire.request({ method, path, headers: HEADERS, signal }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => resolve(parsed(answer.statusCode ?? 0, Buffer.concat(chunks).toString())));
    });
    asked.on('error', (error) => {
      // an idle connection that the server closed just then: nothing of the question was read
      if (asked.reusedSocket && /ECONNRESET|EPIPE/.test(String((error as NodeJS.ErrnoException).code))) {
        resolve(send(wire, question));
      } else {
        reject(signal.aborted ? new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`) : error);
      }
    });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' };

function parsed(status: number, text: string): KubeAnswer {
  try {
    const body: unknown = JSON.parse(text);
    const said = typeof body === 'object' && body !== null && 'message' in body ? body.message : '';
    return { status, body, message: String(said) };
  } catch {
    return { status, body: null, message: text.slice(0, 500) };
  }
}

interface Reception {
  readonly path: string;
  readonly signal: AbortSignal;
  readonly context: string;
}

async function* receive(wire: Wire, { path, signal, context }: Reception): AsyncGenerator<Buffer> {
  const answer = await new Promise<NodeJS.ReadableStream & { statusCode?: number }>((resolve, reject) => {
    const asked = wire.request({ method: 'GET', path, headers: {}, signal }, resolve);
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
