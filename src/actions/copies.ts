import { BerthError } from '../core/errors.ts';
import type { Store, StoredRow } from '../core/store.ts';
import type { Deps } from './deps.ts';

/** The first line of an export. */
const HEADER = { berth: 'export', format: 1 };

/** Every line of an export: tasks with their attempts and history, groups and pauses. Secret values are not in it. */
export async function* exportQueue(deps: Deps): AsyncGenerator<unknown> {
  yield HEADER;
  yield* (await deps.store()).rows();
}

/**
 * @param lines  what `exportQueue` gave
 * @returns      how many rows were stored
 * @throws {BerthError} `BAD_DATA` with the line, `NAME_TAKEN` when the queue is not empty; nothing is stored then
 */
export async function importQueue(deps: Deps, lines: AsyncIterable<string>): Promise<number> {
  const rows: StoredRow[] = [];
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const value = parsed(line, number);
    if (number === 1) checkHeader(value);
    else rows.push(rowOf(value, number));
  }
  if (number === 0) checkHeader(null);
  return (await deps.store()).putRows(rows, deps.host.name);
}

function parsed(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw badLine(number, 'is no JSON');
  }
}

function checkHeader(value: unknown): void {
  if (JSON.stringify(value) === JSON.stringify(HEADER)) return;
  throw badLine(1, `is not ${JSON.stringify(HEADER)}`);
}

function rowOf(value: unknown, number: number): StoredRow {
  if (typeof value === 'object' && value !== null && 'table' in value && 'row' in value) {
    const { table, row } = value;
    const isRow = typeof row === 'object' && row !== null && Object.values(row).every(isStorable);
    if (typeof table === 'string' && isRow) return { table, row: row as StoredRow['row'] };
  }
  throw badLine(number, 'is no row of a table');
}

function isStorable(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'number';
}

function badLine(number: number, what: string): BerthError {
  return new BerthError(`Line ${number} ${what}.`, {
    code: 'BAD_DATA',
    hint: 'Give a file that `berth export` wrote; nothing was imported.',
  });
}

export interface Moved {
  readonly rows: number;
  readonly from: string;
  readonly to: string;
}

/**
 * Move the queue of the state folder into the database in use. The old one is kept, paused, so that no worker
 * runs its tasks a second time.
 *
 * @throws {BerthError} `CONFIG_INVALID` without another database; `NOTHING_MATCHED` while tasks run;
 *         `NAME_TAKEN` when the database has tasks already
 */
export async function migrateStore(deps: Deps): Promise<Moved> {
  const target = await deps.store();
  const to = await target.facts();
  if (!to.shared) {
    throw new BerthError('There is no other database to move the queue to.', {
      code: 'CONFIG_INVALID',
      hint: 'Set BERTH_DATABASE_URL to postgresql://user:password@host:5432/database.',
    });
  }
  await using source = await deps.fileStore();
  await mustBeQuiet(source);
  const rows: StoredRow[] = [];
  for await (const row of source.rows()) rows.push(row);
  const moved = await target.putRows(rows, deps.host.name);
  await source.pause({ kind: 'queue' });
  return { rows: moved, from: (await source.facts()).place, to: to.place };
}

async function mustBeQuiet(source: Store): Promise<void> {
  const { assigned, running } = await source.counts();
  if (assigned + running === 0) return;
  throw new BerthError(`${assigned + running} tasks of the queue are under way.`, {
    code: 'NOTHING_MATCHED',
    hint: 'Let them end first: `env -u BERTH_DATABASE_URL berth down --drain`.',
  });
}
