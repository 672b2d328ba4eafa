import type { ContainerWish, Deps, StartedContainer, TakeOutput } from './deps.ts';

/**
 * Start the program of an image and leave it running.
 *
 * @throws {BerthError} `IMAGE_MISSING`, `PORT_TAKEN`, `NAME_TAKEN`, `FILE_NOT_FOUND`, `RUNTIME_UNAVAILABLE`
 */
export async function startContainer(deps: Deps, wish: ContainerWish): Promise<StartedContainer> {
  return (await deps.engines.containers()).start(wish);
}

/**
 * The same, staying with it: its output is passed on, a signal to this process stops it, and it is removed at its
 * end. @returns its exit code; null when the engine does not tell
 */
export async function runContainer(
  deps: Deps,
  wish: ContainerWish,
  write: TakeOutput,
): Promise<number | null> {
  return (await deps.engines.containers()).stay(wish, write);
}
