import { createHash } from 'node:crypto';
import { BerthError } from '../../core/errors.ts';

export interface DatabaseAddress {
  /** What `pg` connects to. */
  readonly connection: {
    readonly connectionString: string;
    readonly connectionTimeoutMillis: number;
    readonly application_name: string;
    readonly keepAlive: true;
  };
  /** A server that owes an answer for so long is away. */
  readonly silenceMs: number;
  /** For messages: without user and password. */
  readonly name: string;
  readonly schema: string;
  /** Channel of the notices. */
  readonly channel: string;
  /** Two numbers that name this queue's advisory lock. */
  readonly lock: readonly [number, number];
  readonly listen: boolean;
  /** A pooler that hands connections around per transaction keeps no prepared statements. */
  readonly prepare: boolean;
}

/**
 * Read `postgresql://user:password@host:5432/database?schema=berth&listen=off`.
 *
 * `schema` (default `berth`) holds the tables, `listen=off` is for poolers in transaction mode; all else
 * is libpq's: `sslmode`, `connect_timeout` (seconds, default 10), `tcp_user_timeout` (milliseconds without an
 * answer, default 10,000), and more.
 *
 * @throws {BerthError} `CONFIG_INVALID`; the message has no password
 */
export function parseAddress(text: string): DatabaseAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw invalid('The database URL is not one of PostgreSQL.');
  }
  const schema = url.searchParams.get('schema') ?? 'berth';
  if (!/^[a-z_][a-z0-9_]{0,50}$/.test(schema))
    throw invalid(`The schema ${JSON.stringify(schema)} is no plain name.`);
  const listen = url.searchParams.get('listen') ?? 'on';
  if (listen !== 'on' && listen !== 'off') throw invalid(`listen=${listen} is neither on nor off.`);
  const connectSeconds = limit(url, 'connect_timeout', 10);
  const silenceMs = limit(url, 'tcp_user_timeout', 10_000);
  for (const ours of ['schema', 'listen', 'connect_timeout', 'tcp_user_timeout'])
    url.searchParams.delete(ours);
  return {
    connection: {
      connectionString: url.href,
      connectionTimeoutMillis: connectSeconds * 1000,
      application_name: 'berth',
      keepAlive: true,
    },
    silenceMs,
    name: `${url.host || 'localhost'}${url.pathname}`,
    schema,
    channel: `berth_${schema}`,
    lock: [BERTH, createHash('sha256').update(schema).digest().readInt32BE(0)],
    listen: listen === 'on',
    prepare: listen === 'on',
  };
}

function limit(url: URL, name: string, usual: number): number {
  const text = url.searchParams.get(name) ?? String(usual);
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalid(`${name}=${text} is not a positive whole number.`);
  return Number(text);
}

/** 'bert' */
const BERTH = 0x62657274;

function invalid(message: string): BerthError {
  return new BerthError(message, {
    code: 'CONFIG_INVALID',
    hint: 'Set BERTH_DATABASE_URL to postgresql://user:password@host:5432/database.',
  });
}
