import type { RunEnd } from './executor.ts';
import type { Spawned } from './host.ts';
import { MarkFilter } from './mark-filter.ts';
import { findEndMark, saysReady } from './script.ts';

export interface OutputTaker {
  /** Resolves when more may come. */
  write(stream: 'stdout' | 'stderr', bytes: Buffer): Promise<void>;
  /** A guard has made everything ready. */
  ready?(): void;
}

/**
 * Follow a supervised child of ours to its end: the task's output is passed on, the supervisor's words are
 * kept back and tell how it ended. Its stdin, the leash, is the caller's.
 */
export async function followSupervised(child: Spawned, nonce: string, taker: OutputTaker): Promise<RunEnd> {
  const filter = new MarkFilter(nonce);
  const tails = { stdout: new LastBytes(), stderr: new LastBytes() };
  let ready = false;
  const traffic = { pieces: 0, taking: 0 };
  const counted = (take: (bytes: Buffer) => Promise<void>) => async (bytes: Buffer) => {
    traffic.pieces += 1;
    traffic.taking += 1;
    await take(bytes);
    traffic.taking -= 1;
  };
  const streams = Promise.all([
    pump(
      child.stdout,
      counted((bytes) => {
        tails.stdout.add(bytes);
        return taker.write('stdout', bytes);
      }),
    ),
    pump(
      child.stderr,
      counted(async (bytes) => {
        const passed = filter.pass(bytes);
        tails.stderr.add(passed);
        if (passed.length > 0) await taker.write('stderr', passed);
        if (ready || !saysReady(filter.rest, nonce)) return;
        ready = true;
        taker.ready?.();
      }),
    ),
  ]);
  const ended = await child.ended;
  let silence: NodeJS.Timeout | undefined;
  const abandoned = async () => {
    // a slow reader is no silence
    for (let seen = -1; traffic.taking > 0 || seen !== traffic.pieces; ) {
      seen = traffic.pieces;
      await new Promise((resolve) => {
        silence = setTimeout(resolve, QUIET_MS);
      });
    }
    return filter.ended;
  };
  // a process that the task left behind may hold the streams for ever; nobody waits for it
  const leftBehind = await Promise.race([streams.then(() => false), abandoned()]);
  // a timer that goes on would keep this process from ending
  clearTimeout(silence);
  if (leftBehind) child.release();
  await streams;
  const mark = findEndMark(filter.rest, nonce);
  if (mark) return { kind: 'ended', report: mark.report };
  if (filter.rest.length > 0 && !filter.ended) await taker.write('stderr', filter.rest);
  const stderrTail = filter.ended ? tails.stderr.text : tails.stderr.text + filter.rest.toString();
  return { kind: 'vanished', exitCode: ended.code, stdoutTail: tails.stdout.text, stderrTail, nonce };
}

/** Long enough for what stands in a pipe to be read. */
const QUIET_MS = 50;

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
