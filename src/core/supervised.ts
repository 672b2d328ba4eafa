import type { RunEnd, RunReport } from './executor.ts';
import type { Spawned } from './host.ts';
import { MarkFilter } from './mark-filter.ts';
import { findEndMark, saysReady } from './script.ts';

export interface OutputTaker {
  /** Resolves when more may come. */
  write(stream: 'stdout' | 'stderr', bytes: Buffer): Promise<void>;
  /** A guard has made everything ready. */
  ready?(): void;
  /** All of the output has come, and was taken: a supervisor whose plan says so ends only when it is told. */
  heard?(): void;
  /** The end mark has come: how the run ended is known, while its streams may be open yet. */
  marked?(report: RunReport): void;
}

/**
 * Follow a supervised child of ours to its end: the task's output is passed on, the supervisor's words are
 * kept back and tell how it ended. Its stdin, the leash, is the caller's.
 */
export async function followSupervised(child: Spawned, nonce: string, taker: OutputTaker): Promise<RunEnd> {
  const output = new SupervisedOutput(nonce, taker);
  const streams = Promise.all([
    pump(child.stdout, (bytes) => output.take('stdout', bytes)),
    pump(child.stderr, (bytes) => output.take('stderr', bytes)),
  ]);
  // what passes our hands is over when it was said to be; a client that writes for itself must have ended
  const isOver = () => output.saidLast && child.stdout !== null;
  const told = streams.then(async () => (isOver() ? { code: null } : child.ended));
  const ended = await Promise.race([child.ended, told, output.heard]);
  if (ended === 'heard') {
    // its record is here, and all of its output: how and when its client ends is nobody's concern
    child.release();
    await streams;
    return output.end(null);
  }
  let silence: NodeJS.Timeout | undefined;
  const abandoned = async () => {
    // a slow reader is no silence
    for (let seen = -1; output.taking > 0 || seen !== output.pieces; ) {
      seen = output.pieces;
      await new Promise((resolve) => {
        silence = setTimeout(resolve, QUIET_MS);
      });
    }
    return output.saidLast;
  };
  // a process that the task left behind may hold the streams for ever; nobody waits for it
  const leftBehind = await Promise.race([streams.then(() => false), abandoned()]);
  // a timer that goes on would keep this process from ending
  clearTimeout(silence);
  if (leftBehind) child.release();
  await streams;
  return output.end(ended.code);
}

/** Long enough for what stands in a pipe to be read. */
const QUIET_MS = 50;

/** What a supervised child writes: the task's part is handed on, the supervisor's is read. */
class SupervisedOutput {
  pieces = 0;
  taking = 0;
  /** Resolves when the taker was told that it has everything. */
  readonly heard: Promise<'heard'>;
  private isReady = false;
  private isMarked = false;
  private isHeard = false;
  private wasHeard: () => void = () => {};
  private readonly tails = { stdout: new LastBytes(), stderr: new LastBytes() };
  private readonly filters: Readonly<Record<'stdout' | 'stderr', MarkFilter>>;
  private readonly nonce: string;
  private readonly taker: OutputTaker;

  constructor(nonce: string, taker: OutputTaker) {
    this.nonce = nonce;
    this.taker = taker;
    this.filters = { stdout: new MarkFilter(nonce), stderr: new MarkFilter(nonce) };
    this.heard = new Promise((resolve) => {
      this.wasHeard = () => resolve('heard');
    });
  }

  async take(stream: 'stdout' | 'stderr', bytes: Buffer): Promise<void> {
    this.pieces += 1;
    this.taking += 1;
    await this.pass(stream, this.filters[stream].pass(bytes));
    this.taking -= 1;
    this.answer();
  }

  /** Its words on stderr are the last of the run. */
  get saidLast(): boolean {
    return this.filters.stderr.ended;
  }

  async end(exitCode: number | null): Promise<RunEnd> {
    const { filters, tails, nonce } = this;
    if (!filters.stdout.ended) await this.pass('stdout', filters.stdout.rest);
    const mark = findEndMark(filters.stderr.rest, nonce);
    if (mark) return { kind: 'ended', report: mark.report };
    if (!this.saidLast) await this.pass('stderr', filters.stderr.rest);
    return {
      kind: 'vanished',
      exitCode,
      stdoutTail: tails.stdout.text,
      stderrTail: tails.stderr.text,
      nonce,
    };
  }

  private async pass(stream: 'stdout' | 'stderr', bytes: Buffer): Promise<void> {
    this.tails[stream].add(bytes);
    if (bytes.length > 0) await this.taker.write(stream, bytes);
  }

  private answer(): void {
    const { filters, nonce } = this;
    if (!this.isReady && saysReady(filters.stderr.rest, nonce)) {
      this.isReady = true;
      this.taker.ready?.();
    }
    const mark = filters.stderr.ended ? findEndMark(filters.stderr.rest, nonce) : null;
    if (mark === null) return;
    if (!this.isMarked) this.taker.marked?.(mark.report);
    this.isMarked = true;
    if (this.isHeard || !filters.stdout.ended || this.taking > 0) return;
    this.isHeard = true;
    this.taker.heard?.();
    this.wasHeard();
  }
}

/** Hand a stream on piece by piece; the next is read when the last was taken. */
export async function pump(
  stream: NodeJS.ReadableStream | null,
  take: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  if (stream === null) return;
  try {
    for await (const chunk of stream) await take(chunk as Buffer);
  } catch (error) {
    // closed on our side, when the run was over
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'))
      throw error;
  }
}

/** Keeps the end of a stream for messages. */
class LastBytes {
  private kept = Buffer.alloc(0);

  add(bytes: Buffer): void {
    this.kept = Buffer.concat([this.kept, bytes.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES);
  }

  get text(): string {
    return this.kept.toString();
  }
}

const KEPT_BYTES = 2048;
