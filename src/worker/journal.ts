import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../core/store.ts';
import type { Lease, Outcome } from '../core/task.ts';

/** An outcome that the store did not take yet. */
export interface Owed {
  readonly lease: Lease;
  readonly outcome: Outcome;
  readonly againAtMs: number | null;
}

export interface Journal {
  /** On disk when this resolves. */
  owe(owed: Owed): Promise<void>;
  /** The store has it. */
  paid(lease: Lease): Promise<void>;
  /**
   * Hand over what an earlier process of this worker owed. To be called before its tasks are adopted under new
   * fences: a lease that somebody else has taken since is refused by the store.
   */
  payAll(store: Store): Promise<void>;
}

/**
 * Outcomes on disk while the database is away. A run's own record outlives us anyway; what only we know is why
 * it was stopped, and what its container said in the end.
 */
export function outcomeJournal(home: string): Journal {
  const folder = join(home, 'owed');
  const pathOf = ({ taskId, attempt, fence }: Lease) => join(folder, `${taskId}-${attempt}-${fence}.json`);
  return {
    async owe(owed) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const path = pathOf(owed.lease);
      try {
        await writeDurably(`${path}.new`, JSON.stringify(owed));
        await rename(`${path}.new`, path);
      } catch (error) {
        // a full disk leaves half of it
        await rm(`${path}.new`, { force: true });
        throw error;
      }
    },
    paid: (lease) => rm(pathOf(lease), { force: true }),
    async payAll(store) {
      const names = await readdir(folder).catch(() => []);
      for (const name of names.filter((one) => one.endsWith('.json'))) {
        const path = join(folder, name);
        const owed = JSON.parse(await readFile(path, 'utf8')) as Owed;
        await store.finished(owed.lease, owed.outcome, owed.againAtMs);
        await rm(path, { force: true });
      }
    },
  };
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
