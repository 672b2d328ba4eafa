import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import type { EngineReader, Filters } from './inspector.ts';

/**
 * Reads a Docker engine over its unix socket: 1 to 3 ms a question, where starting the client
 * takes 16 to 50 ms. Only questions; whatever acts goes through the user's own client.
 *
 * Throws whatever goes wrong; the caller then asks the client.
 */
export function socketReader(socketPath: string): EngineReader {
  return {
    async list(filters) {
      const found = await get(socketPath, `/containers/json?${listQuery(filters)}`);
      return (found as readonly { readonly Id: string }[]).map((one) => one.Id);
    },
    async inspect(ids) {
      const all = await Promise.all(
        ids.map((id) => get(socketPath, `/containers/${encodeURIComponent(id)}/json`)),
      );
      return all.filter((one) => one !== null);
    },
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

/** The parsed answer; null for 404. */
function get(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const asked = request({ socketPath, path, headers: { Host: 'docker' }, signal }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode === 404) return resolve(null);
        if (answer.statusCode !== 200) return reject(new Error(`${path} answered ${answer.statusCode}`));
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}
