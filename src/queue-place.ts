import { hostname } from 'node:os';
import type { Store } from './core/store.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The queue that this process works on: the PostgreSQL database of `BERTH_DATABASE_URL`, else the file in
 * the state folder.
 */
export async function openQueue(env: Env, home: string): Promise<Store> {
  const url = env.BERTH_DATABASE_URL;
  if (!url) return (await import('./stores/sqlite.ts')).openSqliteStore({ directory: home });
  return (await import('./stores/postgres.ts')).openPostgresStore({ url });
}

/**
 * What this machine is called in the queue. In a queue of its own it is `local`; in one that others share it
 * needs a name that stays the same, because tasks are sent to it and recovered by it.
 */
export function hostName({ BERTH_HOST, BERTH_DATABASE_URL }: Env): string {
  return BERTH_HOST || (BERTH_DATABASE_URL ? hostname() : 'local');
}
