import type { Store, StoreFacts } from '../core/store.ts';
import { addTask, addTasks } from './adding.ts';
import { adopt } from './adopt.ts';
import { watchChanges } from './changes.ts';
import { claimTasks } from './claims.ts';
import { pages, putRows } from './copy.ts';
import { type Database, openDatabase, sqliteError, sqliteVersion } from './driver.ts';
import { addRunning } from './foreground.ts';
import { findProblems } from './fsck.ts';
import { GivenClaims } from './given.ts';
import { finishClaimed, noteRun, releaseClaimed, startClaimed } from './leases.ts';
import { checkSchema, makeCurrent, SCHEMA_VERSION } from './migrate.ts';
import { pause, readGroups, readPauses, resume } from './pauses.ts';
import { sameFile } from './same-file.ts';
import { putSession, readSessions, removeSession, setGroup, updateSession } from './sessions.ts';
import { prepareStateFolder } from './state-folder.ts';
import {
  clearTasks,
  countTasks,
  readEvents,
  readTask,
  readTasks,
  reassignTask,
  requestStop,
  retryTask,
} from './tasks.ts';
import { drive, groupCommit } from './transactions.ts';
import type { StoreParts } from './transitions.ts';
import { all, SQLITE, type Work } from './work.ts';
import { heartbeat, LEASE_MS, readWorkers, registerWorker, unregisterWorker } from './workers.ts';

export interface SqliteOptions {
  /** The state folder; made where it is missing. The database is `berth.db` in it. */
  readonly directory: string;
  /** Unix milliseconds; the machine's clock, but for tests. */
  readonly now?: () => number;
  /** Of a worker's lease; for tests. */
  readonly leaseMs?: number;
}

/**
 * The queue in one SQLite file on a local disk, for any number of processes.
 *
 * @throws {BerthError} `STATE_NOT_WRITABLE`, `POLICY`, `STATE_UNSUPPORTED`, `BAD_DATA`, `SCHEMA_NEWER`;
 *         nothing is written then
 */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  const now = options.now ?? Date.now;
  const path = prepareStateFolder(options.directory);
  checkSchema(path);
  const database = openDatabase(path, { readOnly: false });
  try {
    await makeCurrent(database, now());
  } catch (error) {
    database.close();
    throw sqliteError(error, path);
  }
  const { leaseMs = LEASE_MS } = options;
  return sqliteStore(database, {
    dialect: SQLITE,
    now,
    leaseMs,
    given: new GivenClaims(),
    epochs: new Map(),
    steady: new Map(),
  });
}

function sqliteStore(database: Database, parts: StoreParts): Store {
  const changes = watchChanges(database);
  const { write: commit, close: commitRest } = groupCommit(database, changes.ownCommit);
  const requireSameFile = sameFile(database.path);
  const write = async <T>(work: () => Work<T>): Promise<T> => {
    requireSameFile();
    return commit(work);
  };
  const read = async <T>(work: () => Work<T>): Promise<T> => {
    try {
      return drive(database, work());
    } catch (error) {
      throw sqliteError(error, database.path);
    }
  };
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    commitRest();
    changes.close();
    database.close();
  };

  return {
    add: (spec) => write(() => addTask(parts, spec)),
    addAll: (specs) => write(() => addTasks(parts, specs)),
    addRunning: (spec, run) => write(() => addRunning(parts, spec, run)),
    task: (id) => read(() => readTask(SQLITE, id)),
    tasks: (filter) => read(() => readTasks(SQLITE, filter)),
    events: (taskId) => read(() => readEvents(taskId)),
    counts: () => read(() => countTasks()),

    claim: (worker, limit) => write(() => claimTasks(parts, worker, limit)),
    started: (lease, context) => write(() => startClaimed(parts, lease, context)),
    finished: (lease, outcome, retryAtMs) => write(() => finishClaimed(parts, lease, { outcome, retryAtMs })),
    note: (news) => write(() => noteRun(parts, news)),
    release: (lease, reason) => write(() => releaseClaimed(parts, lease, reason)),

    requestStop: (taskId, reason, by) => write(() => requestStop(parts, { taskId, reason, by })),
    retry: (taskId) => write(() => retryTask(parts, taskId)),
    reassign: (taskId, session) => write(() => reassignTask(parts, taskId, session)),
    clear: (endedBeforeMs) => write(() => clearTasks(endedBeforeMs)),

    registerWorker: (worker, isAlive) => write(() => registerWorker(parts, worker, isAlive)),
    heartbeat: (worker) => write(() => heartbeat(parts, worker)),
    unregisterWorker: (worker) => write(() => unregisterWorker(parts, worker)),
    workers: () => read(() => readWorkers()),
    adopt: (worker, isAlive = () => true) => write(() => adopt(parts, worker, isAlive)),

    sessions: () => read(() => readSessions()),
    putSession: (session) => write(() => putSession(parts, session)),
    removeSession: (name) => write(() => removeSession(name)),
    updateSession: (name, facts, onlyIn) => write(() => updateSession(parts, name, { facts, onlyIn })),

    setGroup: (name, maxRunning) => write(() => setGroup(name, maxRunning)),
    groups: () => read(() => readGroups()),
    pause: (what) => write(() => pause(parts, what)),
    resume: (what) => write(() => resume(what)),
    pauses: () => read(() => readPauses()),

    problems: () => read(() => sqliteProblems()),
    facts: async () => fileFacts(database),
    rows: () => pages(read),
    putRows: (rows, host) => write(() => putRows(parts, rows, host)),
    changed: (signal) => changes.next(signal),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function fileFacts(database: Database): StoreFacts {
  const askedAt = performance.now();
  const size = database.get<{ bytes: number }>(
    'select page_count * page_size as bytes from pragma_page_count(), pragma_page_size()',
  );
  return {
    engine: 'sqlite',
    place: database.path,
    version: sqliteVersion(),
    schema: SCHEMA_VERSION,
    shared: false,
    bytes: size?.bytes ?? 0,
    answerMs: performance.now() - askedAt,
    server: null,
  };
}

/** The file first: where a page is broken, the rules cannot be asked. */
function* sqliteProblems(): Work<readonly string[]> {
  const pages = yield* all<{ integrity_check: string }>('PRAGMA integrity_check');
  const broken = pages.map((row) => row.integrity_check).filter((line) => line !== 'ok');
  if (broken.length > 0) return broken.map((line) => `The file: ${line}`);
  const orphans = yield* all<{ table: string }>('PRAGMA foreign_key_check');
  const lost = orphans.map(({ table }) => `A row of ${table} belongs to a row that is not there`);
  return [...lost, ...(yield* findProblems())];
}
