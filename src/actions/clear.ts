import type { Deps } from './deps.ts';
import { secretFiles, secretFolder, sweepSecrets } from './secrets.ts';

export interface Cleared {
  /** Tasks that ended more days ago than this were removed. */
  readonly days: number;
  readonly tasks: number;
}

/** Remove finished tasks with their output and their secrets. @param days  null takes the setting */
export async function clear(deps: Deps, days: number | null): Promise<Cleared> {
  const keep = days ?? (await deps.settings(deps.cwd)).keepDays.value;
  const store = await deps.store();
  const all = { limit: Number.MAX_SAFE_INTEGER };
  // reading every task is only worth it where there are secrets
  const secrets = (await secretFolder(deps.home)).length > 0;
  const before = secrets ? secretFiles(await store.tasks(all)) : new Set<string>();
  const finished = (await store.counts()).finished;
  const directories = await store.clear(deps.now() - keep * 86_400_000 + 1);
  await deps.runs.remove(directories);
  if (secrets) {
    const inUse = secretFiles(await store.tasks(all));
    await sweepSecrets(deps.home, { cleared: before, inUse, nowMs: deps.now() });
  }
  return { days: keep, tasks: finished - (await store.counts()).finished };
}
