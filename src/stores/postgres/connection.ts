import type { Pool, PoolClient, QueryResult } from 'pg';
import type { SqlValue, SqlValues } from '../driver.ts';
import type { Answer, Work } from '../work.ts';
import type { DatabaseAddress } from './address.ts';
import { isPassing, postgresError } from './errors.ts';
import { groupCommit, type Job } from './group-commit.ts';

export interface Connections {
  /** The work in one transaction; it starts anew where it met another one. `nowMs` is the database's clock. */
  write<T>(work: (nowMs: number) => Work<T>): Promise<T>;
  /** The work on one unchanging view of the data. */
  read<T>(work: () => Work<T>): Promise<T>;
  /** One statement on its own. */
  query(text: string, values?: readonly string[]): Promise<QueryResult>;
  close(): Promise<void>;
}

/** Nothing is connected to yet. */
export async function connections(address: DatabaseAddress): Promise<Connections> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    ...address.connection,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    // a verb that is done is not kept waiting by an idle connection
    allowExitOnIdle: true,
    types: { getTypeParser: (oid, format) => (oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) },
  });
  pool.on('error', () => {}); // an idle connection that broke; the next one is a new one
  const inTransaction = async <T>(begin: string, works: readonly Job<T>[]): Promise<readonly T[]> => {
    for (let left = MAX_ATTEMPTS; ; left -= 1) {
      try {
        return await attempt(pool, { begin, works, prepare: address.prepare });
      } catch (error) {
        // of several the one at fault is not known: each goes on its own
        if (works.length > 1 || !isPassing(error) || left === 0) throw error;
        // so that two that met do not meet again
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      }
    }
  };
  const named = (error: unknown): never => {
    throw postgresError(error, address.name);
  };
  const settings = `${LIMITS}; set local search_path to "${address.schema}"; ${CLOCK}`;
  const together = groupCommit((works) => inTransaction(`begin; ${settings}`, works));
  return {
    write: (work) => together(work).catch(named),
    read: (work) =>
      inTransaction(`begin isolation level repeatable read read only; ${settings}`, [work]).then(
        ([value]) => value as never,
        named,
      ),
    query: (text, values = []) => pool.query(text, [...values]).catch(named),
    close: () => pool.end(),
  };
}

const INT8 = 20;
const MAX_CONNECTIONS = 8;
/** A database that does not answer is away. */
const CONNECT_MS = 10_000;
/** Of one transaction that meets others; each passes in milliseconds. */
const MAX_ATTEMPTS = 30;

/** A process that is stopped in the middle of a transaction does not hold up the others for longer. */
const LIMITS = 'set local idle_in_transaction_session_timeout to 5000; set local lock_timeout to 5000';
const CLOCK = 'select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms';

interface Transaction<T> {
  readonly begin: string;
  readonly works: readonly Job<T>[];
  readonly prepare: boolean;
}

async function attempt<T>(pool: Pool, transaction: Transaction<T>): Promise<readonly T[]> {
  const client = await pool.connect();
  let broken = false;
  let lose: (error: Error) => void = () => {};
  // a query that was written to a connection as it died may never be answered, not even with an error
  const lost = new Promise<never>((_resolve, reject) => {
    lose = (error = new Error('Connection terminated unexpectedly')) => {
      broken = true;
      reject(error);
    };
  });
  lost.catch(() => {});
  const onEnd = (): void => lose(new Error('Connection terminated unexpectedly'));
  client.on('error', lose).on('end', onEnd);
  try {
    return await Promise.race([inOne(client, transaction), lost]);
  } catch (error) {
    if (!broken) await Promise.race([client.query('rollback'), lost]).catch(lose);
    throw error;
  } finally {
    client.off('error', lose).off('end', onEnd);
    client.release(broken);
  }
}

async function inOne<T>(
  client: PoolClient,
  { begin, works, prepare }: Transaction<T>,
): Promise<readonly T[]> {
  const begun = (await client.query(begin)) as unknown as readonly QueryResult<{ now_ms: number }>[];
  const nowMs = begun.at(-1)?.rows[0]?.now_ms ?? 0;
  const values: T[] = [];
  for (const work of works) values.push(await drive(client, work(nowMs), prepare));
  await client.query('commit');
  return values;
}

/** Statements whose answer nobody waits for are sent along with the next one. */
async function drive<T>(client: PoolClient, work: Work<T>, prepare: boolean): Promise<T> {
  const unheard: Promise<unknown>[] = [];
  let step = work.next(NOTHING);
  while (!step.done) {
    const { sql, values, wants, otherwise } = step.value;
    const result = client.query(statement(sql, values, prepare));
    if (wants === 'nothing' || wants === 'one') {
      const checked = otherwise === undefined ? result : changesOne(result, otherwise);
      // reported below; a rejection must not be unheard of until then
      checked.catch(() => {});
      unheard.push(checked);
      step = work.next(NOTHING);
    } else {
      await Promise.all(unheard.splice(0));
      const { rows, rowCount } = await result;
      step = work.next({ rows, changes: rowCount ?? 0 });
    }
  }
  await Promise.all(unheard);
  return step.value;
}

async function changesOne(result: Promise<QueryResult>, otherwise: () => Error): Promise<void> {
  if ((await result).rowCount !== 1) throw otherwise();
}

const NOTHING: Answer = { rows: [], changes: 0 };

interface Translated {
  readonly name: string;
  readonly text: string;
  readonly order: readonly string[];
}
const translations = new Map<string, Translated>();

function statement(sql: string, values: SqlValues, prepare: boolean) {
  const { name, text, order } = translated(sql);
  const list = order.map((key) => storable(values[key] ?? null));
  return prepare ? { name, text, values: list } : { text, values: list };
}

/** `:name` to `$1`; a cast (`::bigint`) stays. */
function translated(sql: string): Translated {
  const known = translations.get(sql);
  if (known) return known;
  const order: string[] = [];
  const text = sql.replace(/(?<!:):([a-z]\w*)/gi, (_whole, name: string) => {
    const at = order.indexOf(name);
    return `$${at === -1 ? order.push(name) : at + 1}`;
  });
  const fresh = { name: `berth_${translations.size}`, text, order };
  translations.set(sql, fresh);
  return fresh;
}

/** PostgreSQL's text holds no U+0000. Specs are JSON and keep it; this is for words that people read. */
function storable(value: SqlValue): SqlValue {
  return typeof value === 'string' ? value.replaceAll('\0', '\ufffd') : value;
}
