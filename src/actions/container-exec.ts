import type { Deps, TakeOutput } from './deps.ts';

/** Run a command in a running container, by name or id of any local engine; answers its exit code. */
export async function execInContainer(
  deps: Deps,
  command: { readonly container: string; readonly argv: readonly string[] },
  write: TakeOutput,
): Promise<number> {
  return (await deps.engines.containers()).exec({ ...command, write });
}
