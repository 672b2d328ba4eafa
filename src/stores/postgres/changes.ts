import type { Client } from 'pg';
import type { DatabaseAddress } from './address.ts';
import type { Connections } from './connection.ts';

export interface Notices {
  /** Resolves after a notice of any process, after a second at the latest, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void>;
  /** Something was committed here. Many at once become one notice. */
  committed(): void;
  close(): Promise<void>;
}

/**
 * Notices are hints. They are sent outside the transaction that they tell of, because commits that notify
 * wait for each other, and coalesced, because every listener wakes up at each. A lost one costs a poll.
 */
export function watchNotices(connections: Connections, address: DatabaseAddress): Notices {
  const waiters = new Set<() => void>();
  const listener = listenOn(address, () => {
    for (const waiter of [...waiters]) waiter();
  });
  let sending: Promise<unknown> | null = null;
  let again = false;

  const send = async (): Promise<void> => {
    do {
      again = false;
      await connections.query(NOTIFY, [address.channel, '']).catch(() => {});
      if (again) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    } while (again);
    sending = null;
  };

  return {
    next(signal) {
      if (signal.aborted) return Promise.resolve();
      listener.need();
      return new Promise((resolve) => {
        const done = (): void => {
          waiters.delete(done);
          clearTimeout(floor);
          signal.removeEventListener('abort', done);
          resolve();
        };
        // the jitter keeps many workers apart
        const floor = setTimeout(done, FLOOR_MS * (0.75 + Math.random() / 4));
        waiters.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
    },
    committed() {
      for (const waiter of [...waiters]) waiter();
      if (!address.listen) return;
      again = true;
      sending ??= send();
    },
    async close() {
      for (const waiter of [...waiters]) waiter();
      again = false;
      await Promise.all([sending, listener.close()]);
    },
  };
}

/** A transaction that notifies is written to the disk like any other; for a hint nobody has to wait until it is there. */
const NOTIFY = `select pg_notify($1, $2) from set_config('synchronous_commit', 'off', true)`;
/** Between two notices of one process. */
const PAUSE_MS = 10;
const FLOOR_MS = 1000;

/**
 * One connection that listens, from the first need on; one that breaks is made anew at the next need. A line
 * that was cut without a word tells nothing, so it is asked for a sign of life now and then.
 */
function listenOn(address: DatabaseAddress, onNotice: () => void) {
  let connecting: Promise<Client | null> | null = null;
  let current: Client | null = null;
  let askedAtMs = 0;
  const forget = (client: Client): void => {
    if (current === client) connecting = null;
    client.connection.stream.destroy();
  };
  const connect = async (): Promise<Client | null> => {
    const { default: pg } = await import('pg');
    const query_timeout = address.silenceMs;
    const client = new pg.Client({ ...address.connection, query_timeout });
    current = client;
    client.on('error', () => forget(client));
    client.on('end', () => forget(client));
    client.on('notification', onNotice);
    try {
      await client.connect();
      await client.query(`listen "${address.channel}"`);
      // whoever waits has a timer of his own; a listener alone keeps no process alive
      (client as Client & { unref(): void }).unref();
      // what came before is not told any more
      onNotice();
      return client;
    } catch {
      forget(client);
      return null;
    }
  };
  const ask = async (listening: Promise<Client | null>): Promise<void> => {
    const client = await listening;
    await client?.query('select 1').catch(() => forget(client));
  };
  return {
    need(): void {
      if (!address.listen) return;
      if (connecting === null) askedAtMs = performance.now();
      connecting ??= connect();
      if (performance.now() - askedAtMs < ASK_MS) return;
      askedAtMs = performance.now();
      void ask(connecting);
    },
    async close(): Promise<void> {
      const client = await connecting;
      if (client) forget(client);
    },
  };
}

const ASK_MS = 10_000;
