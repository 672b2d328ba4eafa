import { BerthError } from '../core/errors.ts';
import { laneOf } from '../core/lanes.ts';
import type { StoredRow } from '../core/store.ts';
import type { TaskSpec } from '../core/task.ts';
import type { SqlValue } from './driver.ts';
import { finish, unassign } from './ends.ts';
import type { TaskRow } from './rows.ts';
import { canonicalJson, sha256 } from './spec-text.ts';
import type { StoreParts } from './transitions.ts';
import { all, get, put, type Work } from './work.ts';

/** Tables with their keys, parents first. Workers are processes and do not travel. */
const TABLES = {
  groups: ['name'],
  pauses: ['kind', 'name'],
  tasks: ['id'],
  dependencies: ['task_id', 'parent_id'],
  attempts: ['task_id', 'number'],
  events: ['id'],
} as const;
type Table = keyof typeof TABLES;
const TABLE_NAMES = Object.keys(TABLES) as readonly Table[];

/** The next rows of a table, in the order of its key. */
function rowsAfter(table: Table, last: StoredRow['row'] | null): Work<readonly StoredRow['row'][]> {
  const key = TABLES[table];
  const order = key.join(', ');
  if (last === null) return all(`select * from ${table} order by ${order} limit ${BATCH}`);
  const values = Object.fromEntries(key.map((column) => [`last_${column}`, last[column] ?? null]));
  const place = key.map((column) => `:last_${column}`).join(', ');
  return all(`select * from ${table} where (${order}) > (${place}) order by ${order} limit ${BATCH}`, values);
}

const BATCH = 1000;

/**
 * Put rows into an empty queue. What was assigned elsewhere is pending here, and what was running there is
 * `lost`: no process of this queue holds it.
 *
 * @throws {BerthError} `NAME_TAKEN` when there are tasks; `BAD_DATA` for a row that is none of ours
 */
export function* putRows(parts: StoreParts, rows: Iterable<StoredRow>, host: string): Work<number> {
  if (yield* get('select 1 from tasks limit 1')) {
    throw new BerthError('The queue has tasks already.', {
      code: 'NAME_TAKEN',
      hint: 'Import into an empty one: set BERTH_HOME, or BERTH_DATABASE_URL with another ?schema=.',
    });
  }
  let count = 0;
  for (const { table, row } of rows) {
    const columns = Object.keys(row);
    if (!Object.hasOwn(TABLES, table) || columns.some((name) => !/^[a-z_]+$/.test(name))) {
      throw new BerthError(
        `Row ${count + 1} is of ${JSON.stringify(table)}, which is no table of the queue.`,
        {
          code: 'BAD_DATA',
          hint: 'Give a file that `berth export` wrote; nothing was imported.',
        },
      );
    }
    const places = columns.map((name) => `:${name}`).join(', ');
    const values: Record<string, SqlValue> = { ...row, ...renamed(table, row, host) };
    yield* put(`insert into ${table} (${columns.join(', ')}) values (${places})`, values);
    count += 1;
    // an answer now and then, so that a driver that sends ahead does not keep a million of them
    if (count % BATCH === 0) yield* get('select 1');
  }
  yield* parts.dialect.idsImported();
  yield* letGo(parts);
  return count;
}

/** The columns that name the machine, where it was `local`. A spec that was damaged before stays so. */
function renamed(table: string, row: StoredRow['row'], host: string): StoredRow['row'] {
  if (host === 'local' || row.host !== 'local') return {};
  const { spec, spec_hash } = row;
  if (table !== 'tasks' || typeof spec !== 'string' || sha256(spec) !== spec_hash) return { host };
  const sent = JSON.parse(spec) as TaskSpec;
  const moved = { ...sent, context: { ...sent.context, host } };
  const text = canonicalJson(moved);
  return { host, spec: text, spec_hash: sha256(text), lane: laneOf(moved) };
}

function* letGo(parts: StoreParts): Work<void> {
  const held = yield* all<TaskRow>(`select * from tasks where state in ('assigned', 'running') order by id`);
  for (const row of held) {
    const reason = `session ${row.session} had it when the queue was exported`;
    if (row.state === 'running') yield* finish(parts, row, { kind: 'lost', cause: reason });
    else yield* unassign(parts, row, { transition: 'returned', reason, workerDeaths: row.worker_deaths });
  }
}

/** Pages of a table, until there are no more. */
export async function* pages(
  read: (work: () => Work<readonly StoredRow['row'][]>) => Promise<readonly StoredRow['row'][]>,
): AsyncGenerator<StoredRow> {
  for (const table of TABLE_NAMES) {
    for (let last: StoredRow['row'] | null = null; ; ) {
      const from: StoredRow['row'] | null = last;
      const rows = await read(() => rowsAfter(table, from));
      for (const row of rows) yield { table, row: { ...row } };
      last = rows.at(-1) ?? null;
      if (last === null) break;
    }
  }
}
