import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { toBytes } from '../core/command.ts';
import type { RunEnd, RunSpec } from '../core/executor.ts';
import type { ProcessRef } from '../core/host.ts';
import { END_MARK_BYTES, findEndMark, outMark } from '../core/script.ts';
import START from './start.sh?raw';

// These files are small and local: the synchronous calls cost a tenth of the asynchronous ones.

/**
 * One attempt on disk, `runs/<task>-<attempt>/`:
 *
 *   run.json    what the next worker needs to know to take over
 *   script.sh   exactly what runs, for people too
 *   env.sh      the task's environment; gone at the end, in a box as soon as it was read
 *   start.sh    takes the start token and becomes the run
 *   pid         the start token: made once, by the run itself
 *   leash       named pipe into a box
 *   out.log, err.log
 *   exit        how it ended, for people and for later looks; the record until then is the end mark in err.log
 *
 * and, for a shell that shares no files with us, `in-band.json` and `terminal` (see tmux-in-band.ts).
 */
export interface RunFiles {
  readonly path: string;
  readonly script: string;
  readonly environment: string;
  readonly start: string;
  readonly facts: string;
  readonly pid: string;
  readonly leash: string;
  readonly out: string;
  readonly err: string;
  readonly exit: string;
}

export function runFiles(runs: string, directory: string): RunFiles {
  const path = join(runs, directory);
  return {
    path,
    script: join(path, 'script.sh'),
    environment: join(path, 'env.sh'),
    start: join(path, 'start.sh'),
    facts: join(path, 'run.json'),
    pid: join(path, 'pid'),
    leash: join(path, 'leash'),
    out: join(path, 'out.log'),
    err: join(path, 'err.log'),
    exit: join(path, 'exit'),
  };
}

/** What outlives the process that started the run. */
export interface RunFacts {
  readonly nonce: string;
  readonly leash: 'stdin' | 'signal';
  /** Its end is held back until it is told "heard"; its stdout ends with words of ours. */
  readonly hears?: boolean;
}

/**
 * Write everything that the run needs. Repeating it before the start changes nothing that matters: of two starters
 * the one that comes second puts whole files in the place of whole files, which the first one's run may be reading.
 */
export function createRunDirectory(files: RunFiles, run: RunSpec): void {
  mkdirSync(files.path, { recursive: true, mode: 0o700 });
  const facts: RunFacts = { nonce: run.nonce, leash: run.leash, ...(run.hears && { hears: true }) };
  replaceFile(files.facts, JSON.stringify(facts));
  replaceFile(files.environment, toBytes(run.environment));
  replaceFile(files.script, toBytes(run.script));
  replaceFile(files.start, START);
}

function replaceFile(path: string, content: string | Uint8Array): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, content, PRIVATE);
  renameSync(draft, path);
}

const PRIVATE = { mode: 0o600 };

export function readFacts(files: RunFiles): RunFacts | null {
  return parseOrNull<RunFacts>(readOrNull(files.facts));
}

/** The processes of a run, as they wrote themselves down; null before the start. */
export function readProcesses(files: RunFiles): RunProcesses | null {
  const text = readOrNull(files.pid);
  const lines = (text ?? '').split('\n').map((line) => line.split(' '));
  const main = lines.find(([word]) => word === 'run');
  if (!main) return text === null ? null : { main: null, watch: null };
  const [, pid = '0', startTime = '', bootId = ''] = main;
  const watch = lines.find(([word]) => word === 'watch')?.[1];
  return { main: { pid: Number(pid), startTime, bootId }, watch: watch === undefined ? null : Number(watch) };
}

export interface RunProcesses {
  /** Null when the token was torn by a crash. */
  readonly main: ProcessRef | null;
  /** Pid of the supervisor's watch side, which signals are sent to. */
  readonly watch: number | null;
}

/** How a run ended, if its record says so: `exit`, or the end mark in stderr. */
export function readEnd(files: RunFiles): RunEnd | null {
  const sealed = parseOrNull<RunEnd>(readOrNull(files.exit));
  if (sealed !== null) return sealed;
  const found = findMark(files);
  return found && { kind: 'ended', report: found.mark.report };
}

/** Whether a run was given to a shell that shares no files with us. */
export function isInBand(files: RunFiles): boolean {
  return existsSync(join(files.path, 'in-band.json'));
}

/** Whether its logs are whole. Over a terminal, or two streams of an engine, the end mark may come before the last output. */
export function isAllWritten(files: RunFiles): boolean {
  if (readEnd(files) === null) return false;
  const isLate = isInBand(files) || (readFacts(files)?.hears === true && findOutMark(files) === null);
  return !isLate || existsSync(files.exit);
}

/** Take our words from the end of the stdout of a run that has held its end back. */
export function cutOutMark(files: RunFiles): void {
  const found = findOutMark(files);
  // a background process of the task may have written behind it
  if (found?.isLast) truncateSync(files.out, found.offset);
}

function findOutMark(files: RunFiles) {
  const facts = readFacts(files);
  const tail = facts && readTail(files.out, END_MARK_BYTES);
  const words = Buffer.from(outMark(facts?.nonce ?? ''));
  const at = tail ? tail.bytes.lastIndexOf(words) : -1;
  return tail && at >= 0 ? { offset: tail.from + at, isLast: at + words.length === tail.bytes.length } : null;
}

/**
 * Tidy up a run whose outcome is on disk elsewhere: our words leave the task's stderr, and so do the
 * files that only the run needed. Nothing is synced: after a crash the same can be done again.
 */
export function sealRun(files: RunFiles, end: RunEnd): void {
  const found = findMark(files);
  writeFileSync(files.exit, JSON.stringify(end), PRIVATE);
  // a background process of the task may have written behind it
  if (found?.isLast) truncateSync(files.err, found.offset);
  rmSync(files.environment, { force: true });
  rmSync(files.leash, { force: true });
}

function findMark(files: RunFiles) {
  const facts = readFacts(files);
  const tail = facts && readTail(files.err, END_MARK_BYTES);
  const mark = tail && findEndMark(tail.bytes, facts.nonce);
  return mark && { mark, offset: tail.from + mark.offset, isLast: mark.end === tail.bytes.length };
}

/** The last bytes of a file and where they begin; null when there is no file. */
export function readTail(path: string, bytes: number): { bytes: Buffer; from: number } | null {
  const file = openOrNull(path, constants.O_RDONLY);
  if (file === null) return null;
  try {
    const { size } = fstatSync(file);
    const from = Math.max(0, size - bytes);
    const buffer = Buffer.alloc(size - from);
    return { bytes: buffer.subarray(0, readSync(file, buffer, 0, buffer.length, from)), from };
  } finally {
    closeSync(file);
  }
}

/** Write one order into the leash of a run; false when nobody holds its other end. */
export function pullLeash(files: RunFiles, order: 'stop' | 'kill' | 'heard'): boolean {
  const file = openOrNull(files.leash, constants.O_WRONLY | constants.O_NONBLOCK);
  if (file === null) return false;
  try {
    writeSync(file, `${order}\n`);
    return true;
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}

function openOrNull(path: string, flags: number): number | null {
  try {
    return openSync(path, flags);
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENXIO')) return null;
    throw error;
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Null also for a file that a crash has torn. */
function parseOrNull<T>(text: string | null): T | null {
  try {
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
