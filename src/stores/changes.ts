import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Database } from './driver.ts';

export interface Changes {
  /** Resolves after a commit of any process, after a second at the latest, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void>;
  /** This process has committed something itself; SQLite counts only what others commit. */
  ownCommit(): void;
  close(): void;
}

/**
 * Tells when a database may have changed. Writes to its log wake us, but come before the commit that
 * they belong to; so the counter of SQLite decides, asked a few times after each write and every
 * 250 ms where no watch works.
 */
export function watchChanges(database: Database): Changes {
  const waiters = new Set<() => void>();
  let running: { readonly stop: () => void } | null = null;
  let commits = 0;

  const version = (): string => {
    const row = database.get<{ data_version: number }>('PRAGMA data_version');
    return `${row?.data_version} ${commits}`;
  };
  const wake = (): void => {
    for (const waiter of [...waiters]) waiter();
  };

  const start = (): { readonly stop: () => void } => {
    let seen = version();
    const look = (): void => {
      const current = version();
      if (current === seen) return;
      seen = current;
      wake();
    };
    const poll = setInterval(look, POLL_MS);
    const log = watchLog(database.path, look);
    return {
      stop() {
        clearInterval(poll);
        log.stop();
      },
    };
  };

  return {
    next(signal) {
      if (signal.aborted) return Promise.resolve();
      running ??= start();
      return new Promise((resolve) => {
        const done = (): void => {
          waiters.delete(done);
          clearTimeout(floor);
          signal.removeEventListener('abort', done);
          if (waiters.size === 0) {
            running?.stop();
            running = null;
          }
          resolve();
        };
        const floor = setTimeout(done, FLOOR_MS);
        waiters.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
    },
    ownCommit() {
      commits += 1;
      wake();
    },
    close: wake,
  };
}

const POLL_MS = 250;
/** A change between the caller's last look and the call is found after this long. */
const FLOOR_MS = 1000;

/** After a write to the log: now, and again until its commit must be through. */
const LOOKS_MS = [0, 1, 2, 5, 10, 20, 50, 100] as const;

function watchLog(path: string, look: () => void): { readonly stop: () => void } {
  const names = [basename(path), `${basename(path)}-wal`];
  let timers: NodeJS.Timeout[] = [];
  let watcher: FSWatcher | null = null;
  try {
    watcher = watch(dirname(path), (_event, name) => {
      if (name !== null && !names.includes(name)) return;
      for (const timer of timers) clearTimeout(timer);
      timers = LOOKS_MS.map((ms) => setTimeout(look, ms));
    });
    watcher.on('error', () => watcher?.close());
  } catch {
    // no watches left on this machine: the poll goes on
  }
  return {
    stop() {
      watcher?.close();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
