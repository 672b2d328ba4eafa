import { watch as watchFile } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { MarkFilter } from '../core/mark-filter.ts';
import { isAllWritten, readFacts, runFiles } from './run-directory.ts';

/** A piece of a task's output, as bytes. */
export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

const CHUNK_BYTES = 65_536;
const LOOK_MS = 250;

/**
 * What a run has written, oldest first in each stream, without the supervisor's own words.
 *
 * @param follow  go on until the run has ended and all of its output was given; false stops at what is there
 */
export async function* readOutput(
  runs: string,
  directory: string,
  options: { readonly follow: boolean; readonly signal: AbortSignal },
): AsyncGenerator<OutputChunk> {
  const files = runFiles(runs, directory);
  const filterOf = () => {
    const facts = readFacts(files);
    return facts && new MarkFilter(facts.nonce);
  };
  const out = new Tail(files.out, filterOf);
  const err = new Tail(files.err, filterOf);
  try {
    for (let last = false; !options.signal.aborted; ) {
      yield* chunksOf(out, 'stdout');
      yield* chunksOf(err, 'stderr');
      if (last || !options.follow) break;
      // once more after the end: what came between the last look and the end
      last = isAllWritten(files);
      if (!last) await nextWrite(files.path, options.signal);
    }
    const [lastOut, lastErr] = await Promise.all([out.rest(), err.rest()]);
    if (lastOut.length > 0) yield { stream: 'stdout', bytes: lastOut };
    if (lastErr.length > 0) yield { stream: 'stderr', bytes: lastErr };
  } finally {
    await Promise.all([out.close(), err.close()]);
  }
}

async function* chunksOf(tail: Tail, stream: OutputChunk['stream']): AsyncGenerator<OutputChunk> {
  for (let bytes = await tail.next(); bytes !== null; bytes = await tail.next()) {
    if (bytes.length > 0) yield { stream, bytes };
  }
}

/** Reads a growing file. */
class Tail {
  private file: FileHandle | null = null;
  private position = 0;
  private readonly path: string;
  private filter: MarkFilter | null = null;
  private readonly filterOf: () => MarkFilter | null;

  /** @param filterOf  called once the file is there: a run's facts are written before its output */
  constructor(path: string, filterOf: () => MarkFilter | null) {
    this.path = path;
    this.filterOf = filterOf;
  }

  /** The next bytes (may be empty when all of them are held back), or null when there are none now. */
  async next(): Promise<Buffer | null> {
    if (this.filter?.ended) return null;
    if (!this.file) {
      this.file = await open(this.path, 'r').catch(() => null);
      if (!this.file) return null;
      this.filter = this.filterOf();
    }
    const { bytesRead, buffer } = await this.file.read(
      Buffer.alloc(CHUNK_BYTES),
      0,
      CHUNK_BYTES,
      this.position,
    );
    if (bytesRead === 0) return null;
    this.position += bytesRead;
    const bytes = buffer.subarray(0, bytesRead);
    return this.filter ? this.filter.pass(bytes) : bytes;
  }

  /** What was held back and turned out to be the task's own; a file that shrank had our words cut off. */
  async rest(): Promise<Buffer> {
    const size = (await this.file?.stat())?.size ?? 0;
    const { filter } = this;
    return !filter || filter.ended || size < this.position ? Buffer.alloc(0) : filter.rest;
  }

  async close(): Promise<void> {
    await this.file?.close();
  }
}

/** Resolves when something was written into this folder, or after a short while. */
export function nextWrite(path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      watcher?.close();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, LOOK_MS);
    const watcher = watchOrNull(path, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** Null while the run directory is not there yet: the task waits in the queue. */
function watchOrNull(path: string, changed: () => void) {
  try {
    const watcher = watchFile(path, changed);
    watcher.on('error', changed);
    return watcher;
  } catch {
    return null;
  }
}
