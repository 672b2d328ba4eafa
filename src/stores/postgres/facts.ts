import type { StoreFacts } from '../../core/store.ts';
import type { DatabaseAddress } from './address.ts';
import type { Connections } from './connection.ts';
import { POSTGRES_MIGRATIONS } from './migrations.ts';

interface FactsRow {
  readonly version: string;
  readonly bytes: number;
  readonly connections: number;
  readonly max_connections: number;
  readonly oldest_ms: number | null;
}

/** What `berth doctor` tells of the server. */
export async function serverFacts(pool: Connections, address: DatabaseAddress): Promise<StoreFacts> {
  const { rows } = await pool.query(FACTS, [address.schema]);
  const { version, bytes, connections, max_connections, oldest_ms } = rows[0] as FactsRow;
  const askedAt = performance.now();
  await pool.query('select 1');
  return {
    engine: 'postgres',
    place: `${address.name}, schema ${address.schema}`,
    version,
    schema: POSTGRES_MIGRATIONS.length,
    shared: true,
    bytes,
    answerMs: performance.now() - askedAt,
    server: { connections, maxConnections: max_connections, oldestTransactionMs: oldest_ms },
  };
}

/** Of other users only a superuser sees the transactions. */
const FACTS = `
  select current_setting('server_version') as version,
    current_setting('max_connections')::integer as max_connections,
    (select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
     join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'r') as bytes,
    (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
    (select (extract(epoch from clock_timestamp() - min(xact_start)) * 1000)::bigint from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()) as oldest_ms`;
