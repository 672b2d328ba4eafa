import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeApi } from '../core/cluster.ts';
import { MarkFilter } from '../core/mark-filter.ts';
import type { RunFiles } from './run-directory.ts';

export interface LogPlan {
  readonly api: KubeApi;
  /** Of the log, without `follow`. */
  readonly path: string;
  readonly at: RunFiles;
  readonly nonce: string;
}

/** A log that is copied while it grows. */
export interface LogCopy {
  /** The container has ended: resolves when all of its log is here, or what can be had of it. */
  finish(): Promise<void>;
  stop(): void;
}

const TRIES = 4;
/** How long a connection may bring nothing before it is doubted; twice as long each time that it was fine. */
const SILENCE_MS = 5000;
const MOST_SILENCE_MS = 600_000;

/**
 * A pod's log into the run directory. It is one stream, so all of it is stdout; the supervisor's words at its
 * end go where every run has them. A connection that broke begins anew at the first byte: what comes
 * twice is written over itself. So does one that is silent for long: a connection may die without a word.
 */
export function copyLog(plan: LogPlan): LogCopy {
  const control = new AbortController();
  let isOver = false;
  let isComplete = false;
  const silence = { limitMs: SILENCE_MS, bytes: 0 };
  const following = (async () => {
    for (
      let waitMs = 100;
      !isComplete && !isOver && !control.signal.aborted;
      waitMs = Math.min(waitMs * 2, 5000)
    ) {
      isComplete = await follow(plan, silence, control.signal).catch(() => false);
      if (!isComplete && !isOver) await delay(waitMs, undefined, { signal: control.signal }).catch(() => {});
    }
  })();
  return {
    async finish() {
      isOver = true;
      await Promise.race([following, delay(5000, undefined, { ref: false })]);
      control.abort();
      await following;
      const fresh = new AbortController();
      for (let left = TRIES; !isComplete && left > 0; left--) {
        isComplete = await copy(plan, { query: '', signal: fresh.signal, seen: () => {} }).catch(() => false);
        if (!isComplete) await delay(200);
      }
    },
    stop: () => control.abort(),
  };
}

interface Silence {
  limitMs: number;
  /** Most that was ever there. */
  bytes: number;
}

async function follow(plan: LogPlan, silence: Silence, signal: AbortSignal): Promise<boolean> {
  const tooSilent = new AbortController();
  const patience = setTimeout(() => tooSilent.abort(), silence.limitMs);
  silence.limitMs = Math.min(2 * silence.limitMs, MOST_SILENCE_MS);
  try {
    return await copy(plan, {
      query: '&follow=true',
      signal: AbortSignal.any([signal, tooSilent.signal]),
      seen: (bytes) => {
        patience.refresh();
        if (bytes <= silence.bytes) return;
        silence.bytes = bytes;
        silence.limitMs = SILENCE_MS;
      },
    });
  } finally {
    clearTimeout(patience);
  }
}

interface Copying {
  readonly query: string;
  readonly signal: AbortSignal;
  /** So much of the log has come. */
  seen(bytes: number): void;
}

/** True when the log came to its end: the supervisor's last words are the last of it. */
async function copy({ api, path, at, nonce }: LogPlan, { query, signal, seen }: Copying): Promise<boolean> {
  const filter = new MarkFilter(nonce);
  const file = openSync(at.out, 'r+');
  let position = 0;
  const write = (bytes: Buffer) => {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(file, bytes, done, bytes.length - done, position + done);
    }
    position += bytes.length;
  };
  try {
    let bytes = 0;
    for await (const chunk of api.stream(`${path}${query}`, signal)) {
      bytes += chunk.length;
      seen(bytes);
      write(filter.pass(chunk));
    }
    if (filter.ended) writeFileSync(at.err, filter.rest, { mode: 0o600 });
    else write(filter.rest);
    return filter.ended;
  } finally {
    closeSync(file);
  }
}
