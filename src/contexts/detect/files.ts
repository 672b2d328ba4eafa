import { closeSync, constants, fstatSync, opendirSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from './errno.ts';

// Calls are synchronous on purpose: detection makes many tiny reads, and each trip through the
// thread pool costs more than the read itself. Every read is bounded.

/** Larger files are never read. */
export const MAX_FILE_BYTES = 1024 * 1024;
const MAX_ENTRIES = 2048;

/** One listing of one directory; nothing else is asked of the file system until a name matters. */
export interface Directory {
  readonly path: string;
  /** Sorted; at most 2048. */
  readonly names: readonly string[];
  /** False when there are entries that were not listed: well-known names are then asked for one by one. */
  readonly complete: boolean;
  /** Why nothing could be listed, such as `EACCES`; null when it could, or when it is no directory. */
  readonly refused: string | null;
}

export type Kind = 'file' | 'directory' | 'other';

/** Lists a directory; what is none, or cannot be read, is empty. */
export function listDirectory(path: string, maxEntries = MAX_ENTRIES): Directory {
  const names: string[] = [];
  try {
    const handle = opendirSync(path, { bufferSize: 1024 });
    try {
      for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) {
        if (names.length === maxEntries) return { path, names: names.sort(), complete: false, refused: null };
        names.push(entry.name);
      }
    } finally {
      handle.closeSync();
    }
  } catch (error) {
    if (!isErrno(error)) throw error;
    const isNone = error.code === 'ENOENT' || error.code === 'ENOTDIR';
    if (!isNone) return { path, names: names.sort(), complete: false, refused: error.code ?? 'unknown' };
  }
  return { path, names: names.sort(), complete: true, refused: null };
}

/** The path of a file with exactly this name, or null. Symlinks are followed. */
export function fileIn(directory: Directory, name: string): string | null {
  const path = join(directory.path, name);
  if (directory.complete && !directory.names.includes(name)) return null;
  return kindOf(path) === 'file' ? path : null;
}

/** What a path is, symlinks followed; null when it is not there or not to be seen. */
export function kindOf(path: string): Kind | null {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return null;
    return stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if (isErrno(error)) return null; // a loop of symlinks, no permission on the way
    throw error;
  }
}

export type FileText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing' }
  /** `why` ends a sentence: "compose.yaml is ...". */
  | { readonly kind: 'refused'; readonly why: string };

/** The text of a regular file of at most 1 MiB. Never waits on a FIFO, socket or device. */
export function readText(path: string): FileText {
  const kind = kindOf(path);
  if (kind === null) return { kind: 'missing' };
  if (kind !== 'file') return { kind: 'refused', why: 'not a regular file' };
  try {
    // O_NONBLOCK: the path may have become a FIFO since it was looked at
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) return { kind: 'refused', why: 'not a regular file' };
      if (stats.size > MAX_FILE_BYTES) return { kind: 'refused', why: 'larger than 1 MiB and was not read' };
      return { kind: 'text', text: readWhole(file, stats.size) };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (!isErrno(error)) throw error;
    return error.code === 'ENOENT'
      ? { kind: 'missing' }
      : { kind: 'refused', why: `not readable (${error.code})` };
  }
}

/** The text, or null for anything that is not a readable small file. */
export function textOf(path: string): string | null {
  const read = readText(path);
  return read.kind === 'text' ? read.text : null;
}

/** Reads at most 1 MiB. Files of /proc say that they are empty, so their end has to be met. */
function readWhole(file: number, size: number): string {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total < MAX_FILE_BYTES) {
    const room = size === 0 ? 64 * 1024 : size - total + 1;
    const chunk = Buffer.allocUnsafe(Math.min(Math.max(room, 1024), MAX_FILE_BYTES - total));
    const length = readSync(file, chunk, 0, chunk.length, null);
    chunks.push(chunk.subarray(0, length));
    total += length;
    if (length === 0 || (size > 0 && length < chunk.length)) break;
  }
  const text = (chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)).toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}
