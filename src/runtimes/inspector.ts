import { BerthError } from '../core/errors.ts';
import type { ExecResult, Host } from '../core/host.ts';
import type { ContainerFacts, Inspector } from '../core/inspect.ts';
import { ASK_TIMEOUT_MS, callEngine, type EngineName, refused } from './engine-cli.ts';
import { dockerSocket, socketReader } from './engine-socket.ts';
import { boundVolume, containerFacts, imageFacts } from './inspect-shape.ts';
import { checkContainerName, checkImageName } from './names.ts';

/**
 * Reads an engine through the user's own client, and where the client would use a unix socket of
 * this machine, through that socket first. A socket that gives any trouble is not asked again.
 *
 * Every method throws `RUNTIME_UNAVAILABLE` when the engine does not answer.
 */
export function cliInspector(host: Host, engine: EngineName, timeoutMs = ASK_TIMEOUT_MS): Inspector {
  const cli = cliReader(host, engine, timeoutMs);
  const socket = engine === 'docker' && host.name === 'local' ? dockerSocket(process.env) : null;
  return inspectorOver(engine, socket === null ? cli : firstOf(socketReader(socket), cli));
}

/** What an engine is asked, whichever way. */
export interface EngineReader {
  /** Full ids. */
  list(filters: Filters): Promise<readonly string[]>;
  /** The engine's own descriptions; a container that is not there is left out. */
  inspect(namesOrIds: readonly string[]): Promise<readonly unknown[]>;
  image(name: string): Promise<unknown>;
  /** The engine's own descriptions; a volume that is not there is left out. */
  volumes(names: readonly string[]): Promise<readonly unknown[]>;
}

export interface Filters {
  /** Stopped ones too. */
  readonly all: boolean;
  /** `key` or `key=value`; all must hold. */
  readonly labels: readonly string[];
  readonly ancestor: string | null;
}

export function inspectorOver(engine: EngineName, reader: EngineReader): Inspector {
  const facts = async (ids: readonly string[]) =>
    ids.length === 0 ? [] : (await reader.inspect(ids)).map(containerFacts);
  return {
    engine,

    async byLabels(labels) {
      const filters = Object.entries(labels).map(([key, value]) => (value === '' ? key : `${key}=${value}`));
      const found = await facts(await reader.list({ all: true, labels: filters, ancestor: null }));
      return found.filter((one) => carries(one, labels));
    },

    async container(nameOrId) {
      checkContainerName(nameOrId);
      return (await facts([nameOrId]))[0] ?? null;
    },

    async running(image) {
      const none = { all: false, labels: [], ancestor: null };
      if (image === null) return facts(await reader.list(none));
      checkImageName(image);
      const [ids, derived] = await Promise.all([
        reader.list(none),
        reader.list({ ...none, ancestor: image }),
      ]);
      return (await facts(ids)).filter((one) => derived.includes(one.id) || isNamedLike(one.image, image));
    },

    async image(name) {
      checkImageName(name);
      const found = await reader.image(name);
      return found === null ? null : imageFacts(found);
    },

    async boundVolumes(names) {
      const found = names.length === 0 ? [] : await reader.volumes(names);
      return Object.fromEntries(found.map(boundVolume).filter((volume) => volume !== null));
    },
  };
}

/** Reads through the engine's program: ids first, then one `inspect`, because the formats of `ps` differ. */
export function cliReader(host: Host, engine: EngineName, timeoutMs = ASK_TIMEOUT_MS): EngineReader {
  const ask = (...args: string[]) => callEngine(host, [engine, ...args], { timeoutMs });
  return {
    async list({ all, labels, ancestor }) {
      const filters = [
        ...labels.map((label) => `label=${label}`),
        ...(ancestor === null ? [] : [`ancestor=${ancestor}`]),
      ].flatMap((filter) => ['--filter', filter]);
      const result = await ask('ps', ...(all ? ['--all'] : []), '--quiet', '--no-trunc', ...filters);
      if (result.exitCode !== 0) throw refused(engine, 'list containers', result);
      return result.stdout.split('\n').filter((line) => line !== '');
    },

    inspect: async (names) => described(engine, await ask('container', 'inspect', '--', ...names)),

    image: async (name) => described(engine, await ask('image', 'inspect', '--', name))[0] ?? null,

    volumes: async (names) => described(engine, await ask('volume', 'inspect', '--', ...names)),
  };
}

/** What is there is on stdout even when something else was missing. */
function described(engine: EngineName, result: ExecResult): readonly unknown[] {
  const missing = /no such (container|image|object|volume)|image not known|no container with name or id/i;
  if (result.exitCode !== 0 && !missing.test(result.stderr)) throw refused(engine, 'inspect', result);
  try {
    return JSON.parse(result.stdout || '[]');
  } catch (error) {
    throw new BerthError(`${engine} inspect answered something that is not JSON.`, {
      code: 'ENGINE_ERROR',
      hint: `Run \`${engine} inspect\` by hand and look at what it prints.`,
      cause: error,
    });
  }
}

function firstOf(fast: EngineReader, sure: EngineReader): EngineReader {
  let useFast = true;
  const ask = async <T>(question: (reader: EngineReader) => Promise<T>): Promise<T> => {
    if (useFast) {
      try {
        return await question(fast);
      } catch {
        useFast = false;
      }
    }
    return question(sure);
  };
  return {
    list: (filters) => ask((reader) => reader.list(filters)),
    inspect: (names) => ask((reader) => reader.inspect(names)),
    image: (name) => ask((reader) => reader.image(name)),
    volumes: (names) => ask((reader) => reader.volumes(names)),
  };
}

function carries(container: ContainerFacts, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([key, value]) =>
    value === '' ? key in container.labels : container.labels[key] === value,
  );
}

/** `myapp` is named by `myapp:latest`, `localhost/myapp` and `registry:5000/team/myapp@sha256:…`. */
export function isNamedLike(reference: string, wanted: string): boolean {
  const name = reference.replace(/@.*$/, '');
  const untagged = name.replace(/:[^/:]*$/, '');
  return [name, untagged].some((one) => one === wanted || one.endsWith(`/${wanted}`));
}
