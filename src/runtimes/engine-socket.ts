import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import type { EngineReader, Filters } from './inspector.ts';

/**
 * Reads a Docker engine over its unix socket: 1 to 3 ms a question, where starting the client
 * takes 16 to 50 ms.
 *
 * Throws whatever goes wrong; the caller then asks the client.
 */
export function socketReader(socketPath: string): EngineReader {
  const each = async (names: readonly string[], path: (name: string) => string) => {
    const all = await Promise.all(names.map((name) => get(socketPath, path(encodeURIComponent(name)))));
    return all.filter((one) => one !== null);
  };
  return {
    async list(filters) {
      const found = await get(socketPath, `/containers/json?${listQuery(filters)}`);
      return (found as readonly { readonly Id: string }[]).map((one) => one.Id);
    },
    inspect: (ids) => each(ids, (id) => `/containers/${id}/json`),
    volumes: (names) => each(names, (name) => `/volumes/${name}`),
    image: (name) => get(socketPath, `/images/${name.split('/').map(encodeURIComponent).join('/')}/json`),
  };
}

/** Path of the unix socket that the docker client would use, or null when it would use something else. */
export function dockerSocket(env: Readonly<Record<string, string | undefined>>): string | null {
  if (isPodman(env['PATH'] ?? '')) return null;
  const endpoint = env['DOCKER_HOST'] || contextEndpoint(env) || 'unix:///var/run/docker.sock';
  return endpoint.startsWith('unix:///') ? endpoint.slice('unix://'.length) : null;
}

/**
 * Whether the first `docker` is podman under that name: a link to it, or the script of the package podman-docker.
 * Asking it would take as long as the socket saves.
 */
function isPodman(path: string): boolean {
  for (const dir of path.split(':')) {
    try {
      const program = realpathSync(join(dir, 'docker'));
      if (basename(program).startsWith('podman')) return true;
      return (
        statSync(program).size < LONGEST_SCRIPT && /^#!.*\bpodman\b/s.test(readFileSync(program, 'utf8'))
      );
    } catch {
      // not in this directory
    }
  }
  return false;
}

const LONGEST_SCRIPT = 8_192;

/**
 * Endpoint of the chosen context; null for the default one, `unknown` when it cannot be told.
 * Order and files are those of docker/cli: DOCKER_HOST, DOCKER_CONTEXT, currentContext of config.json.
 */
function contextEndpoint(env: Readonly<Record<string, string | undefined>>): string | null {
  const dir = env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker');
  const name =
    env['DOCKER_CONTEXT'] || readJson<{ currentContext?: string }>(join(dir, 'config.json'))?.currentContext;
  if (!name || name === 'default') return null;
  const id = createHash('sha256').update(name).digest('hex');
  const meta = readJson<{ Endpoints?: { docker?: { Host?: string } } }>(
    join(dir, 'contexts', 'meta', id, 'meta.json'),
  );
  return meta?.Endpoints?.docker?.Host ?? 'unknown';
}

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return null;
  }
}

function listQuery({ all, labels, ancestor }: Filters): string {
  const filters = {
    ...(labels.length > 0 && { label: labels }),
    ...(ancestor !== null && { ancestor: [ancestor] }),
  };
  return new URLSearchParams({ all: String(all), filters: JSON.stringify(filters) }).toString();
}

const ANSWER_TIMEOUT_MS = 2_000;

async function get(socketPath: string, path: string): Promise<unknown> {
  return answerOf(socketPath, { method: 'GET', path, body: '' });
}

export interface EngineQuestion {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** JSON; empty for none. */
  readonly body: string;
}

/**
 * The parsed answer; null for 404. In HTTP/1.0 an answer is one piece that ends with the connection: Node's HTTP
 * client, which could read more, takes longer to load than this takes to answer.
 */
export function answerOf(socketPath: string, question: EngineQuestion): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(socketPath);
    socket.setTimeout(ANSWER_TIMEOUT_MS, () =>
      socket.destroy(new Error(`${question.path} was not answered`)),
    );
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => {
      try {
        resolve(parsed(question.path, Buffer.concat(chunks)));
      } catch (error) {
        reject(error);
      }
    });
    socket.write(requestText('1.0', question));
  });
}

/** @param headers  more of them, each with its line end */
export function requestText(
  version: '1.0' | '1.1',
  { method, path, body }: EngineQuestion,
  headers = '',
): string {
  const content =
    body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${path} HTTP/${version}\r\nHost: docker\r\n${headers}${content}\r\n${body}`;
}

function parsed(path: string, answer: Buffer): unknown {
  const status = statusOf(answer);
  if (status === 404) return null;
  const head = answer.indexOf('\r\n\r\n');
  if ((status !== 200 && status !== 201) || head < 0) throw new Error(`${path} answered ${status}`);
  return JSON.parse(answer.toString('utf8', head + 4));
}

/** NaN for what is no HTTP. */
export function statusOf(answer: Buffer): number {
  const [line = ''] = answer.toString('latin1', 0, STATUS_BYTES).split('\r\n');
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1]);
}

const STATUS_BYTES = 100;
