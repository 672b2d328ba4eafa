import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { openSqliteStore } from '../../src/stores/sqlite.ts';
import { TestDatabase } from '../support/postgres.ts';
import { PrivatePostgres } from '../support/private-postgres.ts';
import type { Place } from './chaos.ts';

export function sqlitePlace(): Place & AsyncDisposable {
  const directory = mkdtempSync(join(tmpdir(), 'berth-chaos-'));
  return {
    address: directory,
    open: () => openSqliteStore({ directory }),
    crash: null,
    [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true }),
  };
}

/** A server of its own, which is killed like one whose power is cut, and comes back. */
export async function postgresPlace(): Promise<Place & AsyncDisposable> {
  const server = await PrivatePostgres.start();
  return {
    address: server.url,
    open: () => openPostgresStore({ url: server.url }),
    async crash() {
      server.kill();
      await server.up();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A queue of its own on the server of all tests. @param change  to its tables */
export function sharedPostgresPlace(change: string | undefined): Place & AsyncDisposable {
  const database = new TestDatabase();
  return {
    address: database.url,
    async open() {
      const store = await openPostgresStore({ url: database.url });
      if (change !== undefined) await database.query(change);
      return store;
    },
    crash: null,
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
