import { dirname } from 'node:path';
import { buildFileOf } from '../contexts/build-file.ts';
import { BerthError } from '../core/errors.ts';
import type { ContainerWish, Deps, StartedContainer, TakeOutput } from './deps.ts';

export interface StartWish extends Omit<ContainerWish, 'build'> {
  /** Build the image first, from the build file of the caller's directory. */
  readonly build: boolean;
}

/**
 * Start the program of an image and leave it running.
 *
 * @throws {BerthError} `IMAGE_MISSING`, `PORT_TAKEN`, `NAME_TAKEN`, `FILE_NOT_FOUND`, `RUNTIME_UNAVAILABLE`
 */
export async function startContainer(deps: Deps, wish: StartWish): Promise<StartedContainer> {
  return (await deps.engines.containers()).start(await withBuild(deps, wish));
}

/**
 * The same, staying with it: its output is passed on, a signal to this process stops it, and it is removed at its
 * end. @returns its exit code; null when the engine does not tell
 */
export async function runContainer(deps: Deps, wish: StartWish, write: TakeOutput): Promise<number | null> {
  return (await deps.engines.containers()).stay(await withBuild(deps, wish), write);
}

async function withBuild({ contexts }: Deps, wish: StartWish): Promise<ContainerWish> {
  if (!wish.build) return { ...wish, build: null };
  const detection = await contexts.detect(wish.cwd);
  const file = buildFileOf(detection);
  if (file !== null) return { ...wish, build: { context: dirname(file), file } };
  throw new BerthError(`${detection.dir} has no build file, so --build cannot make ${wish.image}.`, {
    code: 'FILE_NOT_FOUND',
    hint: 'Run it where the Dockerfile is, or leave --build out.',
  });
}
