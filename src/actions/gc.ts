import type { Deps, Leftover } from './deps.ts';

/** Remove the containers that this queue started and that nobody answers for any more. @param dryRun  only look */
export function collectGarbage(deps: Deps, dryRun: boolean): Promise<readonly Leftover[]> {
  return deps.engines.sweep(dryRun);
}
