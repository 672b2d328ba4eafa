import { basename, dirname } from 'node:path';
import { shellQuote } from '../../core/command.ts';
import type { ContainerStart, ContainerType } from '../../core/context.ts';
import { BerthError } from '../../core/errors.ts';
import { buildFileOf } from '../build-file.ts';
import { type Mount, mapDirectory, within } from '../mounts.ts';
import { type Box, NO_CONTAINER, type Question } from './box.ts';
import { enginesFor, search } from './engines.ts';
import type { Engine } from './world.ts';

export interface ImageTarget {
  readonly image: string;
  readonly type: ContainerType | null;
  readonly reason: string;
}

/**
 * A new container of an image that is there. The project is mounted at the path it has on the host,
 * unless a `--volume` shows the directory already, and the task runs as the caller, so that what it
 * writes belongs to the caller. Nothing is pulled.
 *
 * @throws {BerthError} `IMAGE_MISSING`, `RUNTIME_UNAVAILABLE`
 */
export async function imageBox(question: Question, target: ImageTarget): Promise<Box> {
  const engines = enginesFor(target.type, question);
  const { found, answered, warnings } = await search(engines, question, async (inspector) => {
    const image = await inspector.image(target.image);
    return image === null ? null : { image, engine: inspector.engine };
  });
  const engine = found?.engine ?? answered[0]?.engine ?? 'docker';
  const build = question.asked.build ? await buildOf(question, target.image) : null;
  if (found === null && build === null) {
    throw new BerthError(`The image "${target.image}" is not on this machine.`, {
      code: 'IMAGE_MISSING',
      hint: `Get it with \`${shellQuote([engine, 'pull', target.image])}\`; tasks never pull by themselves.`,
    });
  }
  const box = startedBox(question, {
    ...target,
    reason: build === null ? target.reason : `${target.reason} It is built from ${build.file}.`,
    engine,
    workingDir: found?.image.workingDir ?? null,
    build,
  });
  return { ...box, warnings: [...warnings, ...box.warnings] };
}

/** The project's own build file, for an image that an option names. */
async function buildOf({ world, dir }: Question, image: string): Promise<ContainerStart['build']> {
  const detection = await world.detect(dir);
  const file = buildFileOf(detection);
  if (file !== null) return { context: dirname(file), file };
  throw new BerthError(`${detection.dir} has no build file, so --build cannot make ${image}.`, {
    code: 'FILE_NOT_FOUND',
    hint: 'Leave --build out, or run it where the Dockerfile is.',
  });
}

export interface BuildTarget {
  readonly engine: Engine;
  /** The build file, absolute. */
  readonly file: string;
  readonly reason: string;
}

/**
 * A build file is no container: the image is built first where that was asked for, else the command
 * that builds it is handed out.
 *
 * @throws {BerthError} `IMAGE_MISSING`, `RUNTIME_UNAVAILABLE`
 */
export async function buildBox(question: Question, { engine, file, reason }: BuildTarget): Promise<Box> {
  const context = dirname(file);
  const image = `${imageName(basename(context))}:dev`;
  const engines = enginesFor(engine, question);
  const { answered, warnings } = await search(engines, question, async (inspector) => {
    await inspector.running(null);
    return null;
  });
  const used = answered[0]?.engine ?? engine;
  if (question.asked.build) {
    const box = startedBox(question, {
      image,
      type: engine,
      reason: `${reason} It is built as ${image}.`,
      engine: used,
      workingDir: null,
      build: { context, file },
    });
    return { ...box, warnings: [...warnings, ...box.warnings] };
  }
  const build = shellQuote([used, 'build', '-t', image, ...['-f', file], context]);
  throw new BerthError(`${file} only says how to build an image; nothing of this project runs.`, {
    code: 'IMAGE_MISSING',
    hint: `Build it with \`${build}\` and add --container-image ${image}, or add --build.`,
  });
}

interface StartTarget extends ImageTarget {
  readonly engine: Engine;
  readonly workingDir: string | null;
  readonly build: ContainerStart['build'];
}

function startedBox(question: Question, target: StartTarget): Box {
  const { asked, world, dir } = question;
  const given = asked.volumes.map(parseVolume);
  const facts = { realpath: world.files.realpath, workingDir: target.workingDir ?? '/' };
  const own = mapDirectory(dir, given, facts).kind === 'mapped' ? [] : ownMounts(question);
  const mounts = [...own, ...given];
  const inside = (path: string) => {
    const mapping = mapDirectory(path, mounts, facts);
    return mapping.kind === 'mapped' ? mapping.target : null;
  };
  const place = inside(dir);
  if (place === null) {
    throw new BerthError(`The directory ${dir} is not in the new container: a volume lies over it.`, {
      code: 'DIRECTORY_NOT_MAPPED',
      hint: 'Mount the directory itself with --volume, or leave that volume out.',
    });
  }
  return {
    container: {
      ...NO_CONTAINER,
      type: target.type ?? target.engine,
      runtime: target.engine,
      engine: target.engine,
      image: target.image,
      volumes: Object.fromEntries(mounts.map(({ source, target }) => [source ?? '', target])),
      ports: Object.fromEntries(asked.ports.map(parsePort)),
      start: startOf(question, own, target.build),
      reason: target.reason,
    },
    dir: place,
    // the runtime runs it as the caller where the project is mounted: it knows whether the engine is rootless
    user: asked.user,
    env: {},
    warnings: [],
    inside,
  };
}

function startOf({ asked }: Question, own: readonly Mount[], build: ContainerStart['build']): ContainerStart {
  return {
    volumes: [...own.map(({ source, target }) => `${source}:${target}`), ...asked.volumes],
    ports: asked.ports,
    engineArgs: asked.engineArgs,
    hardened: asked.hardened ?? false,
    build,
  };
}

/** The project at its own path, and with a linked worktree what git needs of the main one. */
function ownMounts({ dir, root, world }: Question): readonly Mount[] {
  const { realpath } = world.files;
  const top = realpath(root);
  const common = world.git.repository(dir)?.commonDir;
  const paths = common === undefined || within(realpath(common), top) ? [top] : [top, realpath(common)];
  const odd = paths.find((path) => path.includes(':'));
  if (odd !== undefined) {
    throw new BerthError(`The path ${odd} has a colon in it, so it cannot be mounted into a new container.`, {
      code: 'DIRECTORY_NOT_MAPPED',
      hint: 'Rename the directory, or enter a container that mounts it with --container.',
    });
  }
  return paths.map((path) => ({ type: 'bind', source: path, target: path, readOnly: false }));
}

/** `HOST:CONTAINER[:ro]`; a source that is no absolute path is a volume of the engine. */
function parseVolume(text: string): Mount {
  const [source = '', target = '', options = ''] = text.split(':');
  return {
    type: source.startsWith('/') ? 'bind' : 'volume',
    source,
    target,
    readOnly: options.split(',').includes('ro'),
  };
}

/** `8080:3000`, or with an address in front and a protocol behind. */
function parsePort(text: string): readonly [string, string] {
  const [inside = '', outside = ''] = text.split(':').reverse();
  return [outside, inside.replace(/\/tcp$/, '')];
}

/** A directory's name as an image may be called. */
function imageName(name: string): string {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return plain.replaceAll(/^-|-$/g, '') || 'project';
}
