import { BerthError, type ErrorCode, messageOf } from '../../core/errors.ts';

/** Two transactions met, and one of them has to start anew. */
export function isPassing(error: unknown): boolean {
  if (error instanceof BerthError) return error.code === 'TRY_AGAIN';
  return MET.includes(sqlState(error));
}

/** Serialization failure, deadlock, unique violation. */
const MET: readonly string[] = ['40001', '40P01', '23505'];

/** The connection is gone: what was asked for may have been done, or not. */
export function isLoss(error: unknown): boolean {
  const state = sqlState(error);
  return state === ''
    ? /terminat|timeout|not queryable|closed/i.test(messageOf(error))
    : /^(08|57|E[A-Z]+$)/.test(state);
}

/**
 * An error of PostgreSQL or of the way to it as one of ours; any other error as it is.
 *
 * @param name  the database, without its password
 * Source: PostgreSQL manual, appendix A, "PostgreSQL Error Codes".
 */
export function postgresError(error: unknown, name: string): unknown {
  if (error instanceof BerthError) return error;
  const known = KINDS.find(([pattern]) => pattern.test(sqlState(error) || messageOf(error)));
  if (!known) return error;
  const [, code, what, hint] = known;
  return new BerthError(`The database ${name} ${what}: ${messageOf(error)}.`, { code, hint, cause: error });
}

/** SQLSTATE, or the name of a socket's error; '' for others. */
function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const KINDS: readonly (readonly [RegExp, ErrorCode, string, string])[] = [
  [
    /^(28|3D)/,
    'CONFIG_INVALID',
    'refuses this user',
    'Check user, password and database name in BERTH_DATABASE_URL.',
  ],
  [
    /^(42501|25006)$/,
    'STATE_NOT_WRITABLE',
    'cannot be written',
    'Connect to the primary, as a user who may create a schema.',
  ],
  [
    /^(53100|58)/,
    'IO',
    'cannot write to its disk',
    'Free space on its server; nothing of this call was stored.',
  ],
  [/^(XX00[12]|42P01|42703)$/, 'BAD_DATA', 'is damaged or not one of berth', 'Restore it from a backup.'],
  [
    /^(08|57|53|25P03|55P03|40|23505|E[A-Z]+$)|terminat|timeout|not queryable|closed/i,
    'TRY_AGAIN',
    'does not answer',
    'Tasks that run go on. Check the server and the way to it; a task sent with --key can be sent again safely.',
  ],
];
