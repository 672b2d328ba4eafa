import { BerthError } from '../core/errors.ts';
import type { ExecResult, Host } from '../core/host.ts';
import { type EngineName, lastWords, refused } from './engine-cli.ts';
import { cliInspector } from './inspector.ts';

/** Making a container, its network and its mounts; far above what a sound engine needs. */
export const START_TIMEOUT_MS = 60_000;

interface Failed {
  readonly image: string;
  readonly result: ExecResult;
}

/** Why `run` failed, from the engine's words: docker 20 to 28, podman 4 and 5. */
export async function startFailure(host: Host, engine: EngineName, failed: Failed): Promise<BerthError> {
  const { image, result } = failed;
  const words = result.stderr;
  if (/no such image|image not known|unable to find image|image .* not found/i.test(words)) {
    return imageMissing(engine, image);
  }
  const port = /:(\d+)(?: failed)?: (?:bind: address already in use|port is already allocated)/.exec(
    words,
  )?.[1];
  if (port !== undefined) return portTaken(host, engine, port);
  const path = /bind source path does not exist: (.+)|statfs (.+?): no such file/.exec(words);
  if (path !== null) return pathMissing(path[1] ?? path[2] ?? '');
  if (/name .* is already in use|name is already in use/i.test(words)) {
    return new BerthError(`${engine} has a container of that name already: ${lastWords(words)}`, {
      code: 'NAME_TAKEN',
      hint: `Choose another name, or remove it: \`${engine} ps --all\` lists them.`,
    });
  }
  if (/unable to find user|no matching entries in passwd/i.test(words)) {
    return new BerthError(`Image ${image} knows no such user: ${lastWords(words)}`, {
      code: 'USER_NOT_FOUND',
      hint: 'Say `--user UID:GID` with numbers, which need no entry in the image.',
    });
  }
  return refused(engine, `start a container of ${image}`, result);
}

export function imageMissing(engine: EngineName, image: string): BerthError {
  return new BerthError(`Image ${image} is not on this machine, and berth pulls none unasked.`, {
    code: 'IMAGE_MISSING',
    hint: `Pull it with \`${engine} pull ${image}\`, or build it with \`${engine} build --tag ${image} DIR\`.`,
  });
}

function pathMissing(path: string): BerthError {
  return new BerthError(`${path} cannot be mounted: it does not exist.`, {
    code: 'FILE_NOT_FOUND',
    hint: `Correct the \`--volume\`, or make the directory: \`mkdir -p ${path}\`.`,
  });
}

async function portTaken(host: Host, engine: EngineName, port: string): Promise<BerthError> {
  const holder = (await holdingContainer(host, port)) ?? (await holdingProcess(host, port));
  return new BerthError(`Port ${port} is taken${holder === null ? '' : ` by ${holder}`}.`, {
    code: 'PORT_TAKEN',
    hint: `Choose another port on the left of \`--port\`, or end what holds it (${engine} did not start anything).`,
  });
}

async function holdingContainer(host: Host, port: string): Promise<string | null> {
  for (const engine of ['docker', 'podman'] as const) {
    try {
      const running = await cliInspector(host, engine).running(null);
      const holder = running.find((container) => port in container.ports);
      if (holder !== undefined) return `the ${engine} container ${holder.name}`;
    } catch {
      // an engine that does not answer holds no clue
    }
  }
  return null;
}

/** Linux's `ss`; shows programs of other users only to root. */
async function holdingProcess(host: Host, port: string): Promise<string | null> {
  const argv = ['ss', '-Hltnp', `sport = :${port}`];
  const result = await host.exec({ argv, cwd: null, env: {} }, { timeoutMs: 2_000 });
  const match = /users:\(\("([^"]+)",pid=(\d+)/.exec(result.stdout);
  return match === null ? null : `the program ${match[1]} (process ${match[2]})`;
}
