import { createHash } from 'node:crypto';
import type { ResolvedContainer } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import type { ContainerFacts } from '../core/inspect.ts';
import type { Place, Scope } from '../core/runtime.ts';
import { callEngine, type EngineName, refused } from './engine-cli.ts';
import { buildCommand } from './images.ts';
import { cliInspector } from './inspector.ts';
import { checkImageName } from './names.ts';
import {
  IN_BACKGROUND,
  type Mount,
  parseMount,
  parsePort,
  type RunAs,
  runArguments,
  type StartCommand,
} from './run-arguments.ts';
import { START_TIMEOUT_MS, startFailure } from './start-failure.ts';

/** Labels of what berth starts; what does not carry them is never removed. */
export const TASK_LABEL = 'dev.berth.task';
export const ATTEMPT_LABEL = 'dev.berth.attempt';
export const OWNER_LABEL = 'dev.berth.owner';
/** The terminal session that it was started for, see `Scope`. */
export const SESSION_LABEL = 'dev.berth.session';
/** The state folder whose task it is, see queue-id.ts: a sweep looks at nothing else. */
export const QUEUE_LABEL = 'dev.berth.queue';
/** A container that a person asked for: it stays until it is stopped, and no sweep takes it. */
export const KEPT_LABEL = 'dev.berth.kept';

export interface Wanted {
  readonly container: ResolvedContainer;
  readonly image: string;
  readonly scope: Scope;
  /** Null where no queue answers for it: no sweep takes it then. */
  readonly queue: string | null;
}

/**
 * A container of berth's own for one attempt, that waits to be entered. The name follows from the scope,
 * so that a repeated call finds what an earlier one started.
 *
 * @throws {BerthError} `IMAGE_MISSING`, `PORT_TAKEN`, `FILE_NOT_FOUND` (a mount), `NO_SHELL`, `RUNTIME_UNAVAILABLE`
 */
export async function startOwned(host: Host, engine: EngineName, wanted: Wanted): Promise<Place> {
  checkImageName(wanted.image);
  const inspector = cliInspector(host, engine);
  const labels = labelsOf(wanted.scope);
  for (const earlier of await inspector.byLabels(labels)) {
    if (earlier.state === 'running') return placeOf(engine, wanted, earlier);
    await remove(host, engine, earlier.id);
  }
  await buildWhereAsked(host, engine, wanted);
  try {
    const { argv, env } = await startCommand(host, engine, wanted);
    const result = await callEngine(host, argv, { timeoutMs: START_TIMEOUT_MS, env });
    if (result.exitCode !== 0) throw await startFailure(host, engine, { image: wanted.image, result });
    await provesShell(host, engine, wanted);
    const [started] = await inspector.byLabels(labels);
    if (started === undefined) throw vanished(engine, wanted.image);
    return placeOf(engine, wanted, started);
  } catch (error) {
    // a failed `run` leaves a container in state Created
    for (const corpse of await inspector.byLabels(labels)) await remove(host, engine, corpse.id);
    throw error;
  }
}

/** Remove what `startOwned` made: only by id, and only while it carries our label. Safe to repeat. */
export async function disposeOwned(host: Host, engine: EngineName, place: Place): Promise<void> {
  if (!place.owned || place.id === null) return;
  const found = await cliInspector(host, engine).container(place.id);
  if (found !== null && TASK_LABEL in found.labels) await remove(host, engine, found.id);
}

export async function remove(host: Host, engine: EngineName, id: string): Promise<void> {
  // podman would wait ten seconds for a program that ignores TERM; docker knows no such option
  const now = engine === 'podman' ? ['--time', '0'] : [];
  const result = await callEngine(host, [engine, 'rm', '--force', '--volumes', ...now, id], {
    timeoutMs: START_TIMEOUT_MS,
  });
  const gone = /no such container|already in progress|no container with name or id/i;
  if (result.exitCode !== 0 && !gone.test(result.stderr)) {
    throw refused(engine, `remove container ${id.slice(0, 12)}`, result);
  }
}

/** With the user's own builder; a build that ends badly says so in the builder's words. */
async function buildWhereAsked(host: Host, engine: EngineName, { container, image }: Wanted): Promise<void> {
  const build = container.start?.build ?? null;
  if (build === null) return;
  const result = await callEngine(host, buildCommand(engine, image, build), { timeoutMs: BUILD_TIMEOUT_MS });
  if (result.exitCode !== 0) throw refused(engine, `build ${image}`, result);
}

const BUILD_TIMEOUT_MS = 60 * 60_000;

function labelsOf(scope: Scope): Readonly<Record<string, string>> {
  return {
    [TASK_LABEL]: String(scope.task),
    [ATTEMPT_LABEL]: String(scope.attempt),
    [OWNER_LABEL]: scope.owner,
    ...(scope.session !== undefined && { [SESSION_LABEL]: scope.session }),
  };
}

async function startCommand(host: Host, engine: EngineName, wanted: Wanted): Promise<StartCommand> {
  const { container, scope } = wanted;
  return runArguments(engine, {
    ...planOf(wanted),
    verb: IN_BACKGROUND,
    runAs: await runAsOf(host, container, scope.workdir),
    env: {},
    workdir: null,
    // waits to be entered; the image's own entry point is for its own program
    entrypoint: 'sh',
    command: ['-c', 'while sleep 3600; do :; done'],
  });
}

/** What does not depend on the program that it is started with. */
export function planOf({ container, image, scope, queue }: Wanted) {
  return {
    name: nameOf(scope),
    image,
    labels: { ...labelsOf(scope), ...(queue !== null && { [QUEUE_LABEL]: queue }) },
    mounts: mountsOf(container, scope.workdir),
    ports: (container.start?.ports ?? []).map(parsePort),
    hardened: container.start?.hardened ?? false,
    engineArgs: container.start?.engineArgs ?? [],
  };
}

/**
 * Who a new container runs as: the caller, where it may write to the task's directory; else null, the
 * image's own user.
 */
export async function runAsOf(
  host: Host,
  container: ResolvedContainer,
  workdir: string,
): Promise<RunAs | null> {
  const writes = mountsOf(container, workdir).some(
    ({ type, source, readOnly }) => type === 'bind' && !readOnly && covers(source, workdir),
  );
  if (!writes) return null;
  const runAs = await caller(host, container.engine === 'podman' ? 'podman' : 'docker');
  // there only /tmp can be written to
  return container.start?.hardened ? { ...runAs, home: '/tmp' } : runAs;
}

function mountsOf({ start }: ResolvedContainer, workdir: string): readonly Mount[] {
  return (start?.volumes ?? []).map((volume) => parseMount(volume, workdir));
}

/** Task numbers repeat between state folders, so the owner is part of the name. */
function nameOf({ task, attempt, owner, session }: Scope): string {
  if (session !== undefined) return `berth-session-${session}`;
  return `berth-${task}-${attempt}-${createHash('sha256').update(owner).digest('hex').slice(0, 8)}`;
}

function covers(source: string, path: string): boolean {
  return path === source || path.startsWith(source.endsWith('/') ? source : `${source}/`);
}

/** The user inside whose files belong to the caller outside. */
async function caller(host: Host, engine: EngineName): Promise<RunAs> {
  const [uid, gid, rootless] = await Promise.all([
    numberOf(host, '-u'),
    numberOf(host, '-g'),
    rootlessKind(host, engine),
  ]);
  // in rootless docker the container's root is the caller
  if (rootless === 'docker') return { user: '0:0', home: null, keepId: false };
  // an unknown uid would get `/` as its home, where it may not write
  return { user: `${uid}:${gid}`, home: uid === '0' ? null : '/tmp', keepId: rootless === 'podman' };
}

async function numberOf(host: Host, option: '-u' | '-g'): Promise<string> {
  const result = await host.exec({ argv: ['id', option], cwd: null, env: {} }, { timeoutMs: 5_000 });
  const number = result.stdout.trim();
  if (/^\d+$/.test(number)) return number;
  throw new BerthError(`\`id ${option}\` on ${host.name} did not tell the caller's number.`, {
    code: 'ENGINE_ERROR',
    hint: 'Say `--user UID:GID` to choose the user in the container.',
  });
}

/** By what it says itself: a program that is called docker may be podman. */
async function rootlessKind(host: Host, engine: EngineName): Promise<EngineName | null> {
  const { stdout } = await callEngine(host, [engine, 'info', '--format', '{{json .}}']);
  if (/"rootless":\s*true/.test(stdout)) return 'podman';
  return /"name=rootless"/.test(stdout) ? 'docker' : null;
}

/** With an init in front, a missing shell does not fail the start; only entering tells. */
async function provesShell(host: Host, engine: EngineName, { image, scope }: Wanted): Promise<void> {
  const result = await callEngine(host, [engine, 'exec', nameOf(scope), 'sh', '-c', ':']);
  if (result.exitCode === 0) return;
  throw new BerthError(`Image ${image} has no shell (sh), or no sleep, so berth cannot work in it.`, {
    code: 'NO_SHELL',
    hint: `Use a variant of the image that has one (often \`-debug\` or \`-alpine\`), or run one program of its own there: \`berth run --container-image ${image} -- PROGRAM ARG...\`.`,
  });
}

function vanished(engine: EngineName, image: string): BerthError {
  return new BerthError(`The container of ${image} was gone as soon as it had started.`, {
    code: 'CONTAINER_NOT_FOUND',
    hint: `See whether something removes containers here: \`${engine} events --since 1m\`.`,
  });
}

function placeOf(engine: EngineName, { container }: Wanted, facts: ContainerFacts): Place {
  const { id, hostname, startedAt = '' } = facts;
  return {
    runtime: engine,
    id,
    owned: true,
    container: { ...container, id, hostname, startedAt },
    user: null,
  };
}
