import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { BerthError, messageOf } from '../core/errors.ts';
import { readText } from './detect/files.ts';

/**
 * Which `berth.yaml` files may start programs: those that the user has read, as they were then.
 * `trust.json` in the state folder maps the real path of each to the SHA-256 of its text.
 */
export interface TrustRecord {
  readonly [path: string]: { readonly sha256: string };
}

export interface TrustedText {
  readonly path: string;
  readonly text: string;
}

/** Whether this very text at this path is trusted. An unreadable record trusts nothing. */
export function isTrusted(home: string, { path, text }: TrustedText): boolean {
  const record = readText(recordPath(home));
  if (record.kind !== 'text') return false;
  try {
    return parseRecord(record.text)[realpathSync(path)]?.sha256 === hashOf(text);
  } catch {
    return false;
  }
}

/**
 * Remember a text as trusted, in place of what was trusted at its path before.
 *
 * @throws {BerthError} `BAD_DATA` when the record is damaged: it is left as it is; `STATE_NOT_WRITABLE`
 */
export function trust(home: string, { path, text }: TrustedText): void {
  const file = recordPath(home);
  const before = readText(file);
  if (before.kind === 'refused') throw damaged(file, before.why);
  const record = before.kind === 'missing' ? {} : recordOrDamage(before.text, file);
  const next: TrustRecord = { ...record, [realpathSync(path)]: { sha256: hashOf(text) } };
  replace(file, `${JSON.stringify(next, null, 2)}\n`);
}

function recordPath(home: string): string {
  return join(home, 'trust.json');
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function parseRecord(text: string): TrustRecord {
  const record: unknown = JSON.parse(text);
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    throw new Error('not a JSON object');
  return record as TrustRecord;
}

function recordOrDamage(text: string, file: string): TrustRecord {
  try {
    return parseRecord(text);
  } catch (error) {
    throw damaged(file, messageOf(error));
  }
}

function damaged(file: string, why: string): BerthError {
  return new BerthError(`The record of trusted files, ${file}, cannot be read: ${why}.`, {
    code: 'BAD_DATA',
    hint: 'Move it away; every berth.yaml must then be trusted again.',
  });
}

/** All of it or nothing, whatever happens in between. */
function replace(file: string, text: string): void {
  const temporary = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const handle = openSync(temporary, 'w', 0o600);
    try {
      writeSync(handle, text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new BerthError(`${file} cannot be written: ${messageOf(error)}.`, {
      code: 'STATE_NOT_WRITABLE',
      hint: 'Check the owner and the free space of the state folder.',
      cause: error,
    });
  }
}
