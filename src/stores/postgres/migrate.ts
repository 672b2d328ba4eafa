import { BerthError } from '../../core/errors.ts';
import type { Migration } from '../migrations.ts';
import { get, put, type Work } from '../work.ts';
import type { DatabaseAddress } from './address.ts';
import type { Connections } from './connection.ts';

/**
 * Bring the schema to the current version. Of many processes that open at once one does the work, in one
 * transaction. There is no copy beforehand as with SQLite: only the server's owner can make one (`pg_dump`).
 *
 * @throws {BerthError} `SCHEMA_NEWER`, `BAD_DATA`; nothing is written then
 */
export async function makeCurrent(
  connections: Connections,
  address: DatabaseAddress,
  migrations: readonly Migration[],
): Promise<void> {
  const from = await connections.read(() => versionOf(address));
  refuseNewer(from, migrations.length, address);
  if (from === migrations.length) return;
  await connections.writeLong((nowMs) => migrate({ address, migrations, nowMs }));
}

interface Step {
  readonly address: DatabaseAddress;
  readonly migrations: readonly Migration[];
  readonly nowMs: number;
}

function* migrate({ address, migrations, nowMs }: Step): Work<void> {
  yield* put(`select pg_advisory_xact_lock(${address.lock.join(', ')})`);
  const from = yield* versionOf(address);
  refuseNewer(from, migrations.length, address);
  if (from === 0) {
    yield* put(`create schema if not exists "${address.schema}"`);
  }
  for (const { version, name, sql } of migrations.slice(from)) {
    yield* script(sql);
    yield* put('insert into migrations values (:version, :name, :nowMs)', { version, name, nowMs });
  }
}

/** Several statements, as one block without values. */
function script(sql: string): Work<void> {
  return put(`do $migration$ begin execute $script$${sql}$script$; end $migration$`);
}

/** 0 for a schema without any table. */
function* versionOf({ schema, name }: DatabaseAddress): Work<number> {
  const tables = yield* get<{ ours: string | null; all: number }>(
    `select max(tablename) filter (where tablename = 'migrations') as ours, count(*) as all
     from pg_tables where schemaname = :schema`,
    { schema },
  );
  if (tables === undefined || tables.all === 0) return 0;
  const first =
    tables.ours === null
      ? undefined
      : yield* get<{ name: string }>('select name from migrations where version = 1');
  if (first?.name !== '0001_create_the_queue') {
    throw new BerthError(`The schema ${schema} of ${name} has tables of another program.`, {
      code: 'BAD_DATA',
      hint: 'Name another one: BERTH_DATABASE_URL=postgresql://.../database?schema=NAME',
    });
  }
  const newest = yield* get<{ version: number }>('select max(version) as version from migrations');
  return newest?.version ?? 0;
}

function refuseNewer(version: number, known: number, { name }: DatabaseAddress): void {
  if (version <= known) return;
  throw new BerthError(`${name} has schema ${version}; this berth knows up to ${known}.`, {
    code: 'SCHEMA_NEWER',
    hint: 'Update berth, or use another database. Nothing was written.',
  });
}
