import type { SqlValues } from './driver.ts';

/**
 * The rules of the queue are written once, as generators that yield statements and are handed their
 * answers. A driver runs them: SQLite's inside one turn of the event loop, PostgreSQL's over a socket.
 */
export type Work<T> = Generator<Statement, T, Answer>;

export interface Statement {
  readonly sql: string;
  /** Named: `:id` takes `{ id }`. */
  readonly values: SqlValues;
  /** `nothing`, `guard`: a driver need not wait for the answer before it goes on. */
  readonly wants: 'rows' | 'count' | 'nothing' | 'guard';
  /** For `guard`: it changes exactly so many rows, or nothing is committed. */
  readonly guard?: Guard;
}

export interface Guard {
  readonly changes: number;
  otherwise(): Error;
}

export interface Answer {
  readonly rows: readonly unknown[];
  /** Rows that were changed. */
  readonly changes: number;
}

/** The first row. */
export function* get<Row>(sql: string, values: SqlValues = {}): Work<Row | undefined> {
  const { rows } = yield { sql, values, wants: 'rows' };
  return rows[0] as Row | undefined;
}

export function* all<Row>(sql: string, values: SqlValues = {}): Work<readonly Row[]> {
  const { rows } = yield { sql, values, wants: 'rows' };
  return rows as readonly Row[];
}

/** How many rows changed. */
export function* run(sql: string, values: SqlValues = {}): Work<number> {
  const { changes } = yield { sql, values, wants: 'count' };
  return changes;
}

/**
 * Many rows of a select at once, as one text: SQLite's library takes longer to make an object of a row than JSON does.
 *
 * @param rest  what follows the columns, from `from` on
 */
export function* bulk<Row>(
  dialect: Dialect,
  { columns, rest }: { readonly columns: readonly (keyof Row & string)[]; readonly rest: string },
  values: SqlValues = {},
): Work<readonly Row[]> {
  const found = yield* get<{ readonly rows: string | null }>(dialect.bulk(columns, rest), values);
  const rows = JSON.parse(found?.rows ?? '[]') as readonly (readonly unknown[])[];
  return rows.map((row) => named<Row>(columns, row));
}

function named<Row>(columns: readonly string[], values: readonly unknown[]): Row {
  const row: Record<string, unknown> = {};
  columns.forEach((name, at) => {
    row[name] = values[at];
  });
  return row as Row;
}

/** A statement that cannot fail to apply, or whose effect is guarded by another one. */
export function* put(sql: string, values: SqlValues = {}): Work<void> {
  yield { sql, values, wants: 'nothing' };
}

/** A statement that is a guard. */
export function* must(sql: string, values: SqlValues, guard: Guard): Work<void> {
  yield { sql, values, wants: 'guard', guard };
}

/** Rows as one value, for `Dialect.rows`. */
export function packed(rows: readonly SqlValues[]): string {
  const json = JSON.stringify(rows);
  // the pattern takes longer than all the rest, and most texts have nothing for it
  if (!json.includes('\\u')) return json;
  // text without what PostgreSQL's cannot hold: U+0000, and halves of a pair
  return json.replace(/\\(?:u(?:0000|d[89a-f]..)|.)/g, (part) => (part.length > 2 ? '\\ufffd' : part));
}

/** What the databases say differently. */
export interface Dialect {
  /** After a select: nobody else may change these rows before the commit. */
  readonly locked: string;
  /** After a select: the same, without those that somebody else has locked. */
  readonly unlocked: string;
  /** After a select with joins: the rows of `tasks` only. */
  readonly lockedTasks: string;
  /** Rows of the column `value`, from a JSON array that is given as `:name`. */
  list(name: string, type: 'bigint' | 'text'): string;
  /** A condition: the column has one of the values of a JSON array that is given as `:name`. */
  isIn(column: string, name: string, type: 'bigint' | 'text'): string;
  /** A table `given` with these columns, from what `packed` made for `:rows`. */
  rows(columns: readonly string[]): string;
  /**
   * What a join with `given` says of a key anyway, once more: a plan that was made while a table was small must
   * find its rows by their keys as well when it is large.
   */
  isGiven(column: string, key: string): string;
  /** A select of one row, whose column `rows` is a JSON array with one for each row that was asked for; null for none. */
  bulk(columns: readonly string[], rest: string): string;
  /** Until the commit no other transaction that asks the same goes on. */
  alone(): Work<void>;
  /** Told apart from those of another queue in the same state folder. */
  runDirectory(task: { readonly id: number; readonly created_at_ms: number }, attempt: number): string;
  /** After rows were put in with their ids: the next ones are higher. */
  idsImported(): Work<void>;
}

/** Whoever writes to SQLite is alone already. */
export const SQLITE: Dialect = {
  locked: '',
  unlocked: '',
  lockedTasks: '',
  list: (name) => `select value from json_each(:${name})`,
  isIn: (column, name) => `${column} in (select value from json_each(:${name}))`,
  rows: (columns) =>
    `(select ${columns.map((name) => `value ->> '${name}' as ${name}`).join(', ')} from json_each(:rows)) as given`,
  isGiven: () => 'true',
  bulk: (columns, rest) =>
    `select json_group_array(json_array(${columns.join(', ')})) as rows from (select ${columns.join(', ')} ${rest})`,
  *alone() {},
  // the folder has one such queue
  runDirectory: ({ id }, attempt) => `${id}-${attempt}`,
  *idsImported() {},
};
