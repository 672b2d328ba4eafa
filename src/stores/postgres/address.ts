import { createHash } from 'node:crypto';
import { BerthError } from '../../core/errors.ts';

export interface DatabaseAddress {
  /** What `pg` connects to. */
  readonly connection: {
    readonly connectionString: string;
    readonly pipeline: true;
    readonly connectionTimeoutMillis: number;
    readonly application_name: string;
    readonly keepAlive: true;
  };
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
 * is libpq's, such as `sslmode`.
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
  url.searchParams.delete('schema');
  url.searchParams.delete('listen');
  return {
    connection: {
      connectionString: url.href,
      pipeline: true,
      connectionTimeoutMillis: 5000,
      application_name: 'berth',
      keepAlive: true,
    },
    name: `${url.host || 'localhost'}${url.pathname}`,
    schema,
    channel: `berth_${schema}`,
    lock: [BERTH, createHash('sha256').update(schema).digest().readInt32BE(0)],
    listen: listen === 'on',
    prepare: listen === 'on',
  };
}

/** 'bert' */
const BERTH = 0x62657274;

function invalid(message: string): BerthError {
  return new BerthError(message, {
    code: 'CONFIG_INVALID',
    hint: 'Set BERTH_DATABASE_URL to postgresql://user:password@host:5432/database.',
  });
}
