import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBytes } from '../core/command.ts';
import type { RunEnd, RunSpec } from '../core/executor.ts';
import type { ProcessRef } from '../core/host.ts';
import { END_MARK_BYTES, findEndMark } from '../core/script.ts';
import START from './start.sh?raw';

/**
 * One attempt on disk, `runs/<task>-<attempt>/`:
 *
 *   run.json    what the next worker needs to know to take over
 *   script.sh   exactly what runs, for people too
 *   env.sh      the task's environment; gone as soon as it was read
 *   start.sh    takes the start token and becomes the run
 *   pid         the start token: made once, by the run itself
 *   leash       named pipe into a box
 *   out.log, err.log
 *   exit        how it ended, written whole or not at all
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
}

/** Write everything that the run needs. Repeating it before the start changes nothing that matters. */
export async function createRunDirectory(files: RunFiles, run: RunSpec): Promise<void> {
  await mkdir(files.path, { recursive: true, mode: 0o700 });
  const facts: RunFacts = { nonce: run.nonce, leash: run.leash };
  await Promise.all([
    writeFile(files.facts, JSON.stringify(facts), { mode: 0o600 }),
    writeFile(files.environment, toBytes(run.environment), { mode: 0o600 }),
    writeFile(files.script, toBytes(run.script), { mode: 0o600 }),
    writeFile(files.start, START, { mode: 0o600 }),
  ]);
}

export async function readFacts(files: RunFiles): Promise<RunFacts | null> {
  const text = await readOrNull(files.facts);
  try {
    return text === null ? null : (JSON.parse(text) as RunFacts);
  } catch {
    return null; // torn by a crash before the start
  }
}

/** The processes of a run, as they wrote themselves down; null before the start. */
export async function readProcesses(files: RunFiles): Promise<RunProcesses | null> {
  const text = await readOrNull(files.pid);
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

/** How a run ended if its record says so: the sealed `exit`, or the end mark in stderr. */
export async function readEnd(files: RunFiles): Promise<RunEnd | null> {
  const sealed = await readOrNull(files.exit);
  if (sealed !== null) return JSON.parse(sealed) as RunEnd;
  const facts = await readFacts(files);
  return facts === null ? null : sealEndMark(files, facts.nonce);
}

async function sealEndMark(files: RunFiles, nonce: string): Promise<RunEnd | null> {
  const tail = await readTail(files.err, END_MARK_BYTES);
  const mark = tail && findEndMark(tail.bytes, nonce);
  if (!mark) return null;
  const end: RunEnd = { kind: 'ended', report: mark.report };
  await seal(files, end);
  // our words leave the task's stderr; a background process may still append to it
  if (mark.end === tail.bytes.length) await truncate(files.err, tail.from + mark.offset);
  return end;
}

/** Write `exit` durably: whole or not at all. */
export async function seal(files: RunFiles, end: RunEnd): Promise<void> {
  const temporary = `${files.exit}.${process.pid}`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(end));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, files.exit);
  await Promise.all([files.leash, files.environment].map((path) => rm(path, { force: true })));
}

/** The last bytes of a file and where they begin; null when there is no file. */
export async function readTail(path: string, bytes: number): Promise<{ bytes: Buffer; from: number } | null> {
  const file = await openOrNull(path, constants.O_RDONLY);
  if (!file) return null;
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - bytes);
    const buffer = Buffer.alloc(size - from);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    return { bytes: buffer.subarray(0, bytesRead), from };
  } finally {
    await file.close();
  }
}

/** Write one order into the leash of a run; false when nobody holds its other end. */
export async function pullLeash(files: RunFiles, order: 'stop' | 'kill'): Promise<boolean> {
  const file = await openOrNull(files.leash, constants.O_WRONLY | constants.O_NONBLOCK);
  if (!file) return false;
  try {
    await file.write(`${order}\n`);
    return true;
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

async function openOrNull(path: string, flags: number): Promise<FileHandle | null> {
  try {
    return await open(path, flags);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENXIO'))
      return null;
    throw error;
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
