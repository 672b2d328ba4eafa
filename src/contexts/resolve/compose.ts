import { basename } from 'node:path';
import { shellQuote } from '../../core/command.ts';
import type { ComposeProject } from '../../core/detection.ts';
import { BerthError } from '../../core/errors.ts';
import type { ContainerFacts, Inspector } from '../../core/inspect.ts';
import { normalizeProjectName } from '../compose/name.ts';
import { depth, mapDirectory, within } from '../mounts.ts';
import { chooseService, requireService, type ServiceChoice } from '../service.ts';
import { withBoundVolumes } from './bound-volumes.ts';
import { type Box, healthWarnings, insideRunning, NO_CONTAINER, type Question, runningFacts } from './box.ts';
import { definedFacts, definedMounts, upOf } from './compose-definition.ts';
import { COMPOSE, isOneOff, mountsOf, projectDirOf, projectOf, sameDir } from './containers.ts';
import { directoryInside, type Inside, type Place } from './directory.ts';
import { enginesFor, search } from './engines.ts';
import { notEnterable } from './states.ts';
import type { Engine } from './world.ts';

/** A Compose project to look in: its directory, or files that were named, and why it is the one. */
export interface ComposeTarget {
  readonly dir: string;
  readonly files: readonly string[] | null;
  /** The running project's own word for its directory; null takes that of the files. */
  readonly startedFrom: string | null;
  /** A whole sentence. */
  readonly reason: string;
  readonly devcontainer: DevcontainerWish | null;
  readonly prefer: Engine;
}

/** What devcontainer.json says of its Compose project. */
export interface DevcontainerWish {
  readonly service: string;
  /** The project's name where only its directory would give it one. */
  readonly defaultProject: string;
  readonly workspace: Place;
}

type Chosen = Extract<ServiceChoice, { kind: 'chosen' }>;

interface Service {
  readonly project: ComposeProject;
  readonly choice: Chosen;
  readonly target: ComposeTarget;
  readonly engine: Engine;
}

/**
 * The running container of the service that a directory belongs to, found by labels and only if its
 * project was started from this very directory; or the service to be brought up, where that is allowed.
 *
 * @throws {BerthError} `CONTAINER_NOT_DETECTED`, `SERVICE_NOT_FOUND`, `CONTEXT_AMBIGUOUS`,
 *   `SERVICE_NOT_RUNNING`, `CONTAINER_*`, `PROJECT_MISMATCH`, `DIRECTORY_NOT_MAPPED`, `RUNTIME_UNAVAILABLE`
 */
export async function composeBox(question: Question, target: ComposeTarget): Promise<Box> {
  const read = await question.world.compose(target.dir, target.files);
  if (read === null) {
    throw new BerthError(`There is no Compose file in ${target.dir}.`, {
      code: 'CONTAINER_NOT_DETECTED',
      hint: 'Run `berth detect` to see what this directory has.',
    });
  }
  const name = projectName(read, target.devcontainer?.defaultProject ?? null);
  const project = { ...read, dir: target.startedFrom ?? read.dir, name };
  const choice = requireService(chooseService(project, evidence(question, target)), project);
  const service = choice.service.name;

  const engines = enginesFor(target.prefer === 'podman' ? 'podman' : 'docker_compose', question);
  const { found, answered, warnings } = await search(engines, question, async ({ engine }) => {
    const own = ownContainers(await question.ofService(engine, service), project, question);
    return own.length === 0 ? null : { engine, replicas: onlyProject(own, project) };
  });
  const [replica] = found?.replicas ?? [];
  if (found && replica) {
    return entered(await withBoundVolumes(replica, found.engine, question), question, {
      service: { project, choice, target, engine: found.engine },
      warnings: [...warnings, ...replicaWarnings(found.replicas, service)],
    });
  }
  const engine = answered[0]?.engine ?? target.prefer;
  return notRunning(question, { project, choice, target, engine }, answered);
}

/**
 * @param devcontainerDefault  what a dev container's project is called where only its directory would give it a name:
 *   every `.devcontainer` directory would give the same
 */
export function projectName({ name, dir }: ComposeProject, devcontainerDefault: string | null): string {
  const isOfDirectory = name === normalizeProjectName(basename(dir));
  return devcontainerDefault !== null && isOfDirectory ? devcontainerDefault : name;
}

function evidence({ dir, wish, world }: Question, target: ComposeTarget) {
  const { named } = wish;
  const by = (source: 'option' | 'setting') =>
    named?.kind === 'service' && named.by === source ? named.service : null;
  return {
    workdir: dir,
    realpath: world.files.realpath,
    wanted: by('option'),
    setting: by('setting'),
    devcontainer: target.devcontainer?.service ?? null,
  };
}

/** Containers of the project that was started from this directory, whatever name it was given. */
function ownContainers(
  containers: readonly ContainerFacts[],
  project: ComposeProject,
  { world }: Question,
): readonly ContainerFacts[] {
  return containers.filter(
    (container) =>
      !isOneOff(container) && sameDir(projectDirOf(container), project.dir, world.files.realpath),
  );
}

/** Replicas in their order, of the project under its own name, or of the only one under another. */
function onlyProject(
  containers: readonly ContainerFacts[],
  project: ComposeProject,
): readonly ContainerFacts[] {
  const names = [...new Set(containers.map((container) => projectOf(container) ?? ''))].sort();
  const name = names.includes(project.name) ? project.name : names[0];
  if (names.length > 1 && name !== project.name) {
    throw new BerthError(`Several projects were started from ${project.dir}: ${names.join(', ')}.`, {
      code: 'CONTEXT_AMBIGUOUS',
      hint: `Name the container: --container ${containers[0]?.name ?? 'NAME'}, or set COMPOSE_PROJECT_NAME.`,
    });
  }
  const number = (container: ContainerFacts) => Number(container.labels[COMPOSE.number] ?? 1);
  return containers
    .filter((container) => projectOf(container) === name)
    .sort((a, b) => number(a) - number(b));
}

function replicaWarnings(replicas: readonly ContainerFacts[], service: string): readonly string[] {
  if (replicas.length < 2) return [];
  return [`The service "${service}" has ${replicas.length} containers; the task uses ${replicas[0]?.name}.`];
}

function entered(
  container: ContainerFacts,
  question: Question,
  { service, warnings }: { readonly service: Service; readonly warnings: readonly string[] },
): Box {
  const error = notEnterable(container, subject(service, question));
  if (error !== null) throw error;
  const place = directoryInside(
    question.dir,
    insideOf(service, question, { mounts: mountsOf(container), workingDir: container.workingDir }),
    question.world.files.realpath,
  );
  return {
    container: {
      ...NO_CONTAINER,
      ...composeFacts(service),
      ...runningFacts(container),
      project: projectOf(container),
    },
    dir: place.target,
    user: question.asked.user,
    env: {},
    containerEnv: container.env,
    warnings: [...warnings, ...healthWarnings(container), ...place.warnings],
    inside: insideRunning(container, question),
  };
}

function composeFacts({ project, choice, target, engine }: Service) {
  return {
    type: 'docker_compose' as const,
    runtime: 'compose' as const,
    engine,
    project: project.name,
    service: choice.service.name,
    compose: { dir: project.dir, files: project.files },
    reason: `${target.reason} Service "${choice.service.name}": ${choice.reason}.`,
    rejected: choice.rejected,
  };
}

function insideOf(
  { project, choice, target }: Service,
  { root, file, world }: Question,
  facts: Pick<Inside, 'mounts' | 'workingDir'>,
): Inside {
  const context = choice.service.build?.context ?? null;
  const builtFrom = context?.startsWith('/') === true ? context : null;
  const realRoot = world.files.realpath(root);
  const projectDir = world.files.realpath(project.dir);
  return {
    ...facts,
    label: `service "${choice.service.name}"`,
    stated: file?.workdir ?? null,
    workspace: target.devcontainer?.workspace ?? null,
    tops: builtFrom === null ? [project.dir] : [project.dir, builtFrom],
    builtFrom,
    root: depth(projectDir) < depth(realRoot) && within(realRoot, projectDir) ? projectDir : root,
    named: choice.named,
  };
}

/** Why the service cannot be entered; or, where starts are allowed, what will be brought up. */
async function notRunning(
  question: Question,
  service: Service,
  answered: readonly Inspector[],
): Promise<Box> {
  const { project, choice } = service;
  const composed = { [COMPOSE.service]: '' };
  const all = (await Promise.all(answered.map((inspector) => inspector.byLabels(composed)))).flat();
  const own = ownContainers(all, project, question);
  const [container] = own.filter(({ labels }) => labels[COMPOSE.service] === choice.service.name);
  if (container === undefined && own.length === 0) refuseForeign(all, service);

  const error = container ? notEnterable(container, subject(service, question)) : absent(service, question);
  const startable = error?.code === 'SERVICE_NOT_RUNNING' || error?.code === 'CONTAINER_CREATED';
  if (error !== null && !(startable && question.asked.start)) throw error;
  return broughtUp(question, service);
}

/** Another checkout with the same base name has the same project name; its containers are not ours. */
function refuseForeign(containers: readonly ContainerFacts[], { project, choice }: Service): void {
  const others = containers.filter((one) => projectOf(one) === project.name && !isOneOff(one));
  const same = others.find(({ labels }) => labels[COMPOSE.service] === choice.service.name);
  const foreign = same ?? others[0];
  if (foreign === undefined) return;
  const dir = projectDirOf(foreign) ?? 'another directory';
  throw new BerthError(
    `The Compose project "${project.name}" was started from ${dir}, not from ${project.dir}.`,
    {
      code: 'PROJECT_MISMATCH',
      hint: `Give this one a name of its own (COMPOSE_PROJECT_NAME=… in .env), or enter the other with --container ${foreign.name}.`,
    },
  );
}

function absent(service: Service, question: Question): BerthError {
  const { name, start } = subject(service, question);
  return new BerthError(`${name} is not running: it has no container.`, {
    code: 'SERVICE_NOT_RUNNING',
    hint: `Start it with \`${start}\`, or let the task do it with --start.`,
  });
}

function subject({ project, choice, target, engine }: Service, { dir, world }: Question) {
  const { realpath } = world.files;
  const isFound = target.files === null && within(realpath(dir), realpath(project.dir));
  const files = isFound ? [] : project.files.flatMap((file) => ['-f', file]);
  return {
    name: `The service "${choice.service.name}" of "${project.name}"`,
    stopped: 'SERVICE_NOT_RUNNING' as const,
    start: shellQuote([engine, 'compose', ...files, 'up', '-d', choice.service.name]),
  };
}

async function broughtUp(question: Question, service: Service): Promise<Box> {
  const { world, dir } = question;
  const { workingDir, image } = service.choice.service;
  const mounts = definedMounts(service.choice.service);
  const own = workingDir ?? (image === null ? null : await imageDir(question, service.engine, image));
  const place = directoryInside(
    dir,
    insideOf(service, question, { mounts, workingDir: own }),
    world.files.realpath,
  );
  return {
    container: {
      ...NO_CONTAINER,
      ...composeFacts(service),
      ...definedFacts(service.choice.service),
      start: upOf(service.choice.service, question),
    },
    dir: place.target,
    user: question.asked.user,
    env: {},
    warnings: place.warnings,
    inside: (path) => {
      const facts = { realpath: world.files.realpath, workingDir: own ?? '/' };
      const mapping = mapDirectory(path, mounts, facts);
      return mapping.kind === 'mapped' ? mapping.target : null;
    },
  };
}

async function imageDir({ world }: Question, engine: Engine, image: string): Promise<string | null> {
  return (await world.inspector(engine).image(image))?.workingDir ?? null;
}
