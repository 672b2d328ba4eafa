import { BerthError } from '../core/errors.ts';
import { type Database, sqliteError } from './driver.ts';
import type { Answer, Work } from './work.ts';

export interface Transactions {
  /** Run `work` in a transaction; the promise resolves once it is on disk. */
  write<T>(work: () => Work<T>): Promise<T>;
  /** Commit what waits, then refuse further work. */
  close(): void;
}

interface Job {
  readonly work: () => Work<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: what is asked for in one turn of the event loop shares one transaction and so one
 * wait for the disk. Each job has its own savepoint: one that throws undoes only itself.
 *
 * @param onCommit  called after a commit that changed something
 */
export function groupCommit(database: Database, onCommit: () => void): Transactions {
  let waiting: Job[] = [];
  let closed = false;

  const flush = (): void => {
    const jobs = waiting.slice(0, MAX_JOBS);
    waiting = waiting.slice(MAX_JOBS);
    if (waiting.length > 0) setImmediate(flush);
    if (jobs.length > 0) commitTogether(database, jobs, onCommit);
  };

  return {
    write<T>(work: () => Work<T>): Promise<T> {
      if (closed) return Promise.reject(closedError(database.path));
      return new Promise<T>((resolve, reject) => {
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
      });
    },
    close() {
      closed = true;
      while (waiting.length > 0) flush();
    },
  };
}

/** Run statements as they are asked for, without a pause. */
export function drive<T>(database: Database, work: Work<T>): T {
  let step = work.next(NOTHING);
  while (!step.done) {
    const { sql, values, wants, guard } = step.value;
    if (wants === 'rows') {
      step = work.next({ rows: database.all(sql, values), changes: 0 });
    } else {
      const changes = database.run(sql, values);
      if (guard && changes !== guard.changes) throw guard.otherwise();
      step = work.next({ rows: [], changes });
    }
  }
  return step.value;
}

/** The first call of a generator takes no answer. */
const NOTHING: Answer = { rows: [], changes: 0 };

/** So that a bulk of sends does not hold the write lock, and the event loop, for seconds. */
const MAX_JOBS = 1000;

function commitTogether(database: Database, jobs: readonly Job[], onCommit: () => void): void {
  let settlements: readonly (() => void)[];
  const before = totalChanges(database);
  try {
    database.run('BEGIN IMMEDIATE');
    settlements = jobs.map((job) => runInSavepoint(database, job));
    database.run('COMMIT');
  } catch (error) {
    rollBack(database);
    for (const job of jobs) job.reject(sqliteError(error, database.path));
    return;
  }
  if (totalChanges(database) !== before) onCommit();
  for (const settle of settlements) settle();
}

/** Run one job; the answer tells its caller, after the commit. */
function runInSavepoint(database: Database, job: Job): () => void {
  database.run('SAVEPOINT job');
  try {
    const value = drive(database, job.work());
    database.run('RELEASE job');
    return () => job.resolve(value);
  } catch (error) {
    // after a full disk or an I/O error the whole transaction is gone, and this throws for all jobs
    database.run('ROLLBACK TO job');
    database.run('RELEASE job');
    return () => job.reject(sqliteError(error, database.path));
  }
}

function rollBack(database: Database): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // SQLite has rolled back by itself
  }
}

function totalChanges(database: Database): number {
  return database.get<{ total: number }>('SELECT total_changes() AS total')?.total ?? 0;
}

function closedError(path: string): BerthError {
  return new BerthError(`The store ${path} is closed.`, {
    code: 'INTERNAL',
    hint: 'This is a fault of berth: report it with the command that you ran.',
  });
}
