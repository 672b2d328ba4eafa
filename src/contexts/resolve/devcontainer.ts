import { shellQuote } from '../../core/command.ts';
import { BerthError } from '../../core/errors.ts';
import type { ContainerFacts, Inspector } from '../../core/inspect.ts';
import { type Devcontainer, withContainerEnv } from '../devcontainer.ts';
import { type Box, healthWarnings, insideRunning, NO_CONTAINER, type Question, runningFacts } from './box.ts';
import { composeBox } from './compose.ts';
import { COMPOSE, DEVCONTAINER, mountsOf, projectOf, sameDir } from './containers.ts';
import { directoryInside } from './directory.ts';
import { enginesFor, search } from './engines.ts';
import { notEnterable } from './states.ts';
import type { Engine } from './world.ts';

export interface DevcontainerTarget {
  /** Path of devcontainer.json. */
  readonly path: string;
  readonly reason: string;
}

/**
 * The dev container that was made for a folder, found by its labels and entered as its configuration
 * says: user, directory, variables. A Compose one may also have been started by Compose alone.
 *
 * @throws {BerthError} `CONTAINER_NOT_RUNNING`, `CONTAINER_*`, `CONTEXT_AMBIGUOUS`, `RUNTIME_UNAVAILABLE`,
 *   and what `composeBox` throws
 */
export async function devcontainerBox(question: Question, target: DevcontainerTarget): Promise<Box> {
  const config = await question.world.devcontainer(target.path);
  const engines = enginesFor('devcontainer', question);
  const { found, answered, warnings } = await search(engines, question, async ({ engine }) => {
    const own = madeFor(await question.running(engine), config, question);
    return own.length === 0 ? null : { engine, own };
  });
  if (found !== null) {
    const box = entered(oneOf(found.own, config), { question, config, target, engine: found.engine });
    return { ...box, warnings: [...warnings, ...box.warnings] };
  }
  if (config.source.kind === 'compose') return throughCompose(question, { config, target });
  return broughtUp(question, { config, target, answered });
}

/** Where starts are allowed, by its own tool; then it is found by its labels like any other. */
async function broughtUp(
  question: Question,
  {
    config,
    target,
    answered,
  }: Pick<Entry, 'config' | 'target'> & { readonly answered: readonly Inspector[] },
): Promise<Box> {
  const find = async (inspector: Inspector) =>
    madeFor(await inspector.byLabels({ [DEVCONTAINER.folder]: '' }), config, question);
  const [stopped] = (await Promise.all(answered.map(find))).flat();
  const error = stoppedError(stopped, config);
  const { bringUp } = question.world;
  const isStartable = error.code === 'CONTAINER_NOT_RUNNING' || error.code === 'CONTAINER_CREATED';
  if (!question.asked.start || !isStartable) throw error;
  if (bringUp === null) throw notYet(config);
  await bringUp(config);
  for (const inspector of answered) {
    const running = (await find(inspector)).filter(({ state }) => state === 'running');
    if (running.length === 0) continue;
    return entered(oneOf(running, config), { question, config, target, engine: inspector.engine });
  }
  throw error;
}

function notYet({ localFolder }: Devcontainer): BerthError {
  return new BerthError(`The dev container of ${localFolder} is not there yet, so no more is known of it.`, {
    code: 'CONTAINER_NOT_RUNNING',
    hint: 'With --start the task brings it up first with `devcontainer up`; only looking does not.',
  });
}

function stoppedError(stopped: ContainerFacts | undefined, config: Devcontainer): BerthError {
  const subject = {
    name: `The dev container of ${config.localFolder}`,
    stopped: 'CONTAINER_NOT_RUNNING' as const,
    start: shellQuote(['devcontainer', 'up', '--workspace-folder', config.localFolder]),
  };
  const error = stopped === undefined ? null : notEnterable(stopped, subject);
  return (
    error ??
    new BerthError(`${subject.name} is not running: it has no container.`, {
      code: 'CONTAINER_NOT_RUNNING',
      hint: `Bring it up with \`${subject.start}\`, in your editor, or with --start.`,
    })
  );
}

/** Those that carry the folder's label; with several configurations, those of this one. */
function madeFor(
  containers: readonly ContainerFacts[],
  { localFolder, path }: Devcontainer,
  { world }: Question,
): readonly ContainerFacts[] {
  const { realpath } = world.files;
  return containers.filter(({ labels }) => {
    const file = labels[DEVCONTAINER.file];
    const isOther = file !== undefined && realpath(file) !== realpath(path);
    return sameDir(labels[DEVCONTAINER.folder] ?? null, localFolder, realpath) && !isOther;
  });
}

function oneOf(own: readonly ContainerFacts[], { localFolder }: Devcontainer): ContainerFacts {
  const [container, second] = own;
  if (container !== undefined && second === undefined) return container;
  throw new BerthError(
    `Several dev containers of ${localFolder} are running: ${own.map(({ name }) => name).join(', ')}.`,
    {
      code: 'CONTEXT_AMBIGUOUS',
      hint: `Name one: ${own.map(({ name }) => `--container ${name}`).join(' or ')}.`,
    },
  );
}

interface Entry {
  readonly question: Question;
  readonly config: Devcontainer;
  readonly target: DevcontainerTarget;
  readonly engine: Engine;
}

function entered(container: ContainerFacts, { question, config, target, engine }: Entry): Box {
  const error = notEnterable(container, {
    name: `The dev container "${container.name}"`,
    stopped: 'CONTAINER_NOT_RUNNING',
    start: `${engine} start ${container.name}`,
  });
  if (error !== null) throw error;
  const place = directoryInside(
    question.dir,
    {
      label: `dev container "${container.name}"`,
      mounts: mountsOf(container),
      workingDir: config.workspaceFolder,
      stated: question.file?.workdir ?? null,
      workspace: { host: config.localFolder, target: config.workspaceFolder },
      tops: [config.localFolder],
      builtFrom: null,
      root: question.root,
      named: false,
    },
    question.world.files.realpath,
  );
  return {
    container: {
      ...NO_CONTAINER,
      ...runningFacts(container),
      type: 'devcontainer',
      runtime: engine,
      engine,
      project: projectOf(container),
      service: container.labels[COMPOSE.service] ?? null,
      reason: target.reason,
    },
    dir: place.target,
    user: question.asked.user ?? config.remoteUser ?? imageUser(container) ?? config.containerUser,
    env: remoteEnv(config, container.env),
    unset: unsetNames(config),
    warnings: [...healthWarnings(container), ...place.warnings],
    inside: insideRunning(container, question),
  };
}

async function throughCompose(
  question: Question,
  { config, target }: { readonly config: Devcontainer; readonly target: DevcontainerTarget },
): Promise<Box> {
  const { source } = config;
  if (source.kind !== 'compose') throw new Error('not a Compose dev container');
  const box = await composeBox(question, {
    dir: config.localFolder,
    files: source.files.length === 0 ? null : source.files,
    startedFrom: null,
    reason: target.reason,
    devcontainer: {
      service: source.service,
      defaultProject: source.defaultProject,
      workspace: { host: config.localFolder, target: config.workspaceFolder },
    },
    prefer: 'docker',
  });
  const user = question.asked.user ?? config.remoteUser ?? config.containerUser;
  const env = remoteEnv(config, box.containerEnv ?? null);
  const started = source.runServices?.filter((name) => name !== source.service) ?? [];
  const compose = box.container.compose && { ...box.container.compose, alongside: started };
  const container = {
    ...box.container,
    type: 'devcontainer' as const,
    ...(box.container.id === null && started.length > 0 && { compose }),
  };
  return { ...box, container, user, env, unset: unsetNames(config) };
}

/**
 * `remoteEnv` with the container's own variables filled in, or without those that need them where they
 * are not known.
 */
function remoteEnv(
  { remoteEnv }: Devcontainer,
  containerEnv: readonly string[] | null,
): Readonly<Record<string, string>> {
  const own = Object.fromEntries((containerEnv ?? []).map(nameAndValue));
  return Object.fromEntries(
    Object.entries(remoteEnv).flatMap(([name, value]) =>
      value === null || (containerEnv === null && value.includes('${containerEnv:'))
        ? []
        : [[name, withContainerEnv(value, own)]],
    ),
  );
}

function unsetNames({ remoteEnv }: Devcontainer): readonly string[] {
  return Object.keys(remoteEnv).filter((name) => remoteEnv[name] === null);
}

function nameAndValue(line: string): readonly [string, string] {
  const at = line.indexOf('=');
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
}

/** `remoteUser` of the image's own dev container metadata, the last one that names one. */
function imageUser({ labels }: ContainerFacts): string | null {
  try {
    const metadata: unknown = JSON.parse(labels['devcontainer.metadata'] ?? '[]');
    const users = [metadata].flat().map((entry) => (entry as { remoteUser?: unknown } | null)?.remoteUser);
    return users.filter((user) => typeof user === 'string').at(-1) ?? null;
  } catch {
    return null; // not ours to judge: the container runs all the same
  }
}
