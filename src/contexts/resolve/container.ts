import { BerthError } from '../../core/errors.ts';
import type { ContainerFacts } from '../../core/inspect.ts';
import { withBoundVolumes } from './bound-volumes.ts';
import { type Box, healthWarnings, insideRunning, NO_CONTAINER, type Question, runningFacts } from './box.ts';
import { COMPOSE, mountsOf, projectOf } from './containers.ts';
import { directoryInside } from './directory.ts';
import { enginesFor, search } from './engines.ts';
import { notEnterable } from './states.ts';
import type { Engine } from './world.ts';

/**
 * A running container that was asked for by name or id.
 *
 * @throws {BerthError} `CONTAINER_NOT_FOUND`, `CONTAINER_NOT_RUNNING`, `CONTAINER_*`,
 *   `DIRECTORY_NOT_MAPPED`, `RUNTIME_UNAVAILABLE`
 */
export async function namedBox(
  question: Question,
  { name, source }: { readonly name: string; readonly source: string },
): Promise<Box> {
  const engines = enginesFor(null, question);
  const { found, answered, warnings } = await search(engines, question, async (inspector) => {
    const container = await inspector.container(name);
    return container === null ? null : { container, engine: inspector.engine };
  });
  if (found === null) {
    const asked = answered.map(({ engine }) => engine).join(' and ');
    throw new BerthError(`There is no container "${name}" (asked ${asked}).`, {
      code: 'CONTAINER_NOT_FOUND',
      hint: 'See which run with `berth containers`.',
    });
  }
  const container = await withBoundVolumes(found.container, found.engine, question);
  const box = runningBox(container, question, {
    engine: found.engine,
    reason: `Container "${container.name}" was ${source}.`,
    named: true,
  });
  return { ...box, warnings: [...warnings, ...box.warnings] };
}

/**
 * Other running containers into which the directory is mounted: one is the answer, two are a tie.
 *
 * @throws {BerthError} `CONTEXT_AMBIGUOUS`
 */
export function mountedBox(
  question: Question,
  { engine, containers }: { readonly engine: Engine; readonly containers: readonly ContainerFacts[] },
): Box {
  const [container, second] = containers;
  if (container === undefined || second !== undefined) {
    const names = containers.map(({ name }) => name);
    throw new BerthError(`${question.dir} is mounted into several running containers: ${names.join(', ')}.`, {
      code: 'CONTEXT_AMBIGUOUS',
      hint: `Name one: ${names.map((name) => `--container ${name}`).join(' or ')}.`,
    });
  }
  const reason = `The running container "${container.name}" mounts this directory.`;
  return runningBox(container, question, { engine, reason, named: false });
}

interface Entry {
  readonly engine: Engine;
  readonly reason: string;
  readonly named: boolean;
}

function runningBox(container: ContainerFacts, question: Question, entry: Entry): Box {
  const error = notEnterable(container, {
    name: `The container "${container.name}"`,
    stopped: 'CONTAINER_NOT_RUNNING',
    start: `${entry.engine} start ${container.name}`,
  });
  if (error !== null) throw error;
  const place = directoryInside(
    question.dir,
    {
      label: `container "${container.name}"`,
      mounts: mountsOf(container),
      workingDir: container.workingDir,
      stated: question.file?.workdir ?? null,
      workspace: null,
      tops: [question.root],
      builtFrom: null,
      root: question.root,
      named: entry.named,
    },
    question.world.files.realpath,
  );
  return {
    container: {
      ...NO_CONTAINER,
      ...runningFacts(container),
      type: entry.engine,
      runtime: entry.engine,
      engine: entry.engine,
      project: projectOf(container),
      service: container.labels[COMPOSE.service] ?? null,
      reason: entry.reason,
    },
    dir: place.target,
    user: question.asked.user,
    env: {},
    warnings: [...healthWarnings(container), ...place.warnings],
    inside: insideRunning(container, question),
  };
}
