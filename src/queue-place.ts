import { hostname } from 'node:os';
import type { Store } from './core/store.ts';

/** The queue that this process works on: a PostgreSQL database, else the file in the state folder. */
export async function openQueue(url: string | null, home: string): Promise<Store> {
  if (url === null) return (await import('./stores/sqlite.ts')).openSqliteStore({ directory: home });
  return (await import('./stores/postgres.ts')).openPostgresStore({ url });
}

/**
 * What this machine is called in the queue. In a queue of its own it is `local`; in one that others share it
 * needs a name that stays the same, because tasks are sent to it and recovered by it.
 */
export function hostName(given: string | undefined, url: string | null): string {
  return given || (url === null ? 'local' : hostname());
}
