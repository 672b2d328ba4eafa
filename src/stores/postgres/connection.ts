import type { Pool, QueryConfig, QueryResult } from 'pg';
import type { SqlValue, SqlValues } from '../driver.ts';
import type { Answer, Guard, Work } from '../work.ts';
import type { DatabaseAddress } from './address.ts';
import { isPassing, postgresError } from './errors.ts';
import { EACH, groupCommit, type Job, type Kind } from './group-commit.ts';
import { type Line, type MakeQuery, onLine, type Question } from './line.ts';

export interface Connections {
  /** The work in one transaction; it starts anew where it met another one. `nowMs` is the database's clock. */
  write<T>(work: Job<T>): Promise<T>;
  /** The same for calls of one kind: those of one turn are one work. */
  writeAs<Item, Value>(kind: Kind<Item, Value>, item: Item): Promise<Value>;
  /** The same for work that waits for other workers: what waits with it waits for the same. */
  writeAlone<T>(work: Job<T>): Promise<T>;
  writeAloneAs<Item, Value>(kind: Kind<Item, Value>, item: Item): Promise<Value>;
  /** The same for work that may take minutes: it shares its transaction with no other. */
  writeLong<T>(work: Job<T>): Promise<T>;
  /** The work on one unchanging view of the data. */
  read<T>(work: () => Work<T>): Promise<T>;
  readLong<T>(work: () => Work<T>): Promise<T>;
  /** One statement on its own. */
  query(text: string, values?: readonly string[]): Promise<QueryResult>;
  /** Gives up on a server that does not say goodbye. */
  close(): Promise<void>;
}

/** Nothing is connected to yet. */
export async function connections(address: DatabaseAddress): Promise<Connections> {
  const { pool, makeQuery } = await openPool(address);
  const { prepare, silenceMs } = address;
  // of a connection that a pooler hands around nothing is known from the transaction before
  const settings = prepare ? [] : settingsOf(address, 'local');
  const write = { begin: ['begin', ...settings], prepare, silenceMs, makeQuery };
  const read = { ...write, begin: ['begin isolation level repeatable read read only', ...settings] };
  const named = (error: unknown): never => {
    throw postgresError(error, address.name);
  };
  const one = async <T>(way: Way, work: Job<T>): Promise<T> => {
    const [value] = await persistently(pool, { ...way, works: [work] });
    return value as T;
  };
  const commit = (works: readonly Job<readonly unknown[]>[]) => persistently(pool, { ...write, works });
  const together = groupCommit(commit, WRITERS);
  const match = groupCommit(commit, 1);
  return {
    write: <T>(work: Job<T>) => together(EACH, work).catch(named) as Promise<T>,
    writeAs: (kind, item) => together(kind, item).catch(named),
    writeAlone: <T>(work: Job<T>) => match(EACH, work).catch(named) as Promise<T>,
    writeAloneAs: (kind, item) => match(kind, item).catch(named),
    writeLong: (work) => one({ ...write, silenceMs: LONG_MS }, work).catch(named),
    read: (work) => one(read, work).catch(named),
    readLong: (work) => one({ ...read, silenceMs: LONG_MS }, work).catch(named),
    query: async (text, values = []) => {
      const client = await pool.connect().catch(named);
      return onLine(client, write, (line) => line.query({ text, values: [...values] })).catch(named);
    },
    close: () => within(GOODBYE_MS, pool.end()),
  };
}

async function openPool(address: DatabaseAddress): Promise<{ pool: Pool; makeQuery: MakeQuery }> {
  const { default: pg } = await import('pg');
  const types: QueryConfig['types'] = {
    getTypeParser: (oid: number) => (oid === INT8 ? Number : pg.types.getTypeParser(oid)),
  };
  const pool = new pg.Pool({
    ...address.connection,
    max: MAX_CONNECTIONS,
    ...(address.prepare && {
      onConnect: (client) => client.query(settingsOf(address, 'session').join('; ')),
    }),
    // a verb that is done is not kept waiting by an idle connection
    allowExitOnIdle: true,
  });
  pool.on('error', () => {}); // an idle connection that broke; the next one is a new one
  // those without values and name would travel alone otherwise
  const extended = { types, queryMode: 'extended' };
  const makeQuery: MakeQuery = (question, answered) => new pg.Query({ ...question, ...extended }, answered);
  return { pool, makeQuery };
}

const INT8 = 20;
const MAX_CONNECTIONS = 8;
/** Transactions that write at a time: while one waits for the disk, the next one is at work. */
const WRITERS = 2;
/** A statement over everything there is may take this long. */
const LONG_MS = 600_000;
const GOODBYE_MS = 2000;

function settingsOf({ schema }: DatabaseAddress, scope: 'local' | 'session'): readonly string[] {
  const all = [`search_path to "${schema}"`, ...LIMITS, ...PLANS];
  return all.map((setting) => `set ${scope} ${setting}`);
}

/** A process that is stopped in the middle of a transaction does not hold up the others for longer than that. */
const LIMITS = ['idle_in_transaction_session_timeout to 2000', 'lock_timeout to 5000'];

/**
 * Statements name rows by their keys, and there are indexes for all of them. A plan that was made while a table
 * was small, and kept, would read all of it when it is large.
 */
const PLANS = [
  'plan_cache_mode to force_generic_plan',
  // what is off costs so much on paper that compiling would seem to pay
  'jit to off',
  'enable_seqscan to off',
  'enable_hashjoin to off',
  'enable_mergejoin to off',
];

/** How a transaction is done. */
interface Way {
  readonly begin: readonly string[];
  readonly prepare: boolean;
  readonly silenceMs: number;
  readonly makeQuery: MakeQuery;
}

interface Transaction<T> extends Way {
  readonly works: readonly Job<T>[];
}

/** Transactions that met others are done again. */
async function persistently<T>(pool: Pool, transaction: Transaction<T>): Promise<readonly T[]> {
  for (let left = MAX_ATTEMPTS; ; left -= 1) {
    try {
      return await attempt(pool, transaction);
    } catch (error) {
      // of several the one at fault is not known: each goes on its own
      if (transaction.works.length > 1 || !isPassing(error) || left === 0) throw error;
      // so that two that met do not meet again
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    }
  }
}

/** Each that is met passes in milliseconds. */
const MAX_ATTEMPTS = 30;

async function attempt<T>(pool: Pool, transaction: Transaction<T>): Promise<readonly T[]> {
  return onLine(await pool.connect(), transaction, async (line) => {
    try {
      return await inOne(line, transaction);
    } catch (error) {
      await line.query({ text: 'rollback' }).catch(() => {}); // of a line that is gone the server does it
      throw error;
    }
  });
}

async function inOne<T>(line: Line, { begin, works, prepare }: Transaction<T>): Promise<readonly T[]> {
  for (const text of begin) void line.query(statement(text, {}, prepare));
  const clock = await line.query(statement(CLOCK, {}, prepare));
  const nowMs: number = clock.rows[0]?.now_ms ?? 0;
  const values: T[] = [];
  for (const work of works) values.push(await drive(line, work(nowMs), prepare));
  await line.query(statement('commit', {}, prepare));
  return values;
}

const CLOCK = 'select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms';

/** Statements whose answer nobody waits for are sent along with the next one. */
async function drive<T>(line: Line, work: Work<T>, prepare: boolean): Promise<T> {
  const unheard: Promise<unknown>[] = [];
  let step = work.next(NOTHING);
  while (!step.done) {
    const { sql, values, wants, guard } = step.value;
    const result = line.query(statement(sql, values, prepare));
    if (wants === 'nothing' || wants === 'guard') {
      const checked = guard === undefined ? result : guarded(result, guard);
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

async function guarded(result: Promise<QueryResult>, { changes, otherwise }: Guard): Promise<void> {
  if ((await result).rowCount !== changes) throw otherwise();
}

const NOTHING: Answer = { rows: [], changes: 0 };

interface Translated {
  readonly name: string;
  readonly text: string;
  readonly order: readonly string[];
}
const translations = new Map<string, Translated>();

function statement(sql: string, values: SqlValues, prepare: boolean): Question {
  const { name, text, order } = translated(sql);
  const list = order.map((key) => storable(values[key] ?? null));
  return prepare ? { name, text, values: list } : { text, values: list };
}

/** @returns when `work` has ended, or after `ms` at the latest */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, patience]);
  clearTimeout(timer);
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
