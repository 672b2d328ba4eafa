import { messageOf } from '../core/errors.ts';
import type { Spawned } from '../core/host.ts';
import type { Place } from '../core/runtime.ts';
import type { Claim } from '../core/store.ts';
import type { OutputTaker } from '../core/supervised.ts';
import type { StopReason } from '../core/task.ts';
import type { RunDeps } from './deps.ts';
import { patienceWith } from './patience.ts';

/** A supervisor's stdin, held by this process: orders go through it, and its end is an order too. */
export interface Leash {
  /** Why a stop was ordered first; null as long as none was. */
  readonly reason: StopReason | null;
  send(text: Uint8Array | string): void;
  /** Order a stop; a second order shortens the grace. */
  stop(reason: StopReason): void;
  /** The same taker of output, for the idle limit to count by. */
  hearing(take: OutputTaker['write']): OutputTaker['write'];
  /** Let go, once the run has ended. */
  release(): void;
}

/** An order may meet a box that has not read its script yet. */
const AGAIN_MS = 500;

interface HeldRun {
  readonly claim: Claim;
  readonly place: Place;
}

interface Held {
  readonly stdin: Spawned['stdin'];
  /** Ends it, when its engine answers nothing; left out where it ends otherwise. */
  readonly kill?: () => void;
}

/** Turns the limits and `berth cancel` into orders on the leash; other reasons come by `stop`. */
export function holdLeash(deps: RunDeps, { claim, place }: HeldRun, child: Held): Leash {
  let reason: StopReason | null = null;
  let repeat: NodeJS.Timeout | null = null;
  const patience = patienceWith(deps, { claim, place, abandon: async () => child.kill?.() });
  const send = (text: Uint8Array | string) => void child.stdin?.write(text);
  const stop = (why: StopReason) => {
    send(reason === null ? 'stop\n' : 'kill\n');
    reason ??= why;
    patience.begin();
    repeat ??= setInterval(() => send('stop\n'), AGAIN_MS);
  };
  child.stdin?.on('error', () => {}); // a box that could not be entered reads nothing
  const { timeoutMs, idleTimeoutMs } = claim.task.spec.queue;
  const silence = listenForSilence(idleTimeoutMs, () => stop('idle'));
  // Node fires timers beyond 2^31 ms at once
  const limit =
    timeoutMs === null ? null : setTimeout(() => stop('timed_out'), Math.min(timeoutMs, 2 ** 31 - 1));
  const watching = new AbortController();
  watchForCancel(deps, claim, { signal: watching.signal, stop }).catch((error) => {
    deps.log({ event: 'store_trouble', task: claim.task.id, message: messageOf(error) });
  });
  return {
    get reason() {
      return reason;
    },
    send,
    stop,
    hearing: silence.hearing,
    release: () => {
      watching.abort();
      silence.end();
      patience.end();
      if (limit) clearTimeout(limit);
      if (repeat) clearInterval(repeat);
      child.stdin?.end();
    },
  };
}

const HEARTBEAT_MS = 5000;

async function watchForCancel(
  { store }: RunDeps,
  claim: Claim,
  { signal, stop }: { signal: AbortSignal; stop: (reason: StopReason) => void },
): Promise<void> {
  const { shared } = await store.facts();
  let beatAtMs = shared ? performance.now() : 0; // loaded at its first use
  while (!signal.aborted) {
    await store.changed(signal);
    if (signal.aborted) return;
    // other hosts see only the lease; on this one the process itself shows that it lives
    if (shared && performance.now() - beatAtMs > HEARTBEAT_MS) {
      beatAtMs = performance.now();
      await store.heartbeat(claim.lease.worker);
    }
    const asked = (await store.task(claim.task.id))?.stopRequested;
    if (asked) return stop(asked);
  }
}

/** @param limitMs  null: for ever */
function listenForSilence(limitMs: number | null, onIdle: () => void) {
  let limit = limitMs;
  let taking = 0;
  let timer: NodeJS.Timeout | null = null;
  const listen = () => {
    if (timer) clearTimeout(timer);
    // while a slow reader keeps the output waiting, the task cannot write
    const quiet = limit !== null && taking === 0;
    timer = quiet ? setTimeout(onIdle, Math.min(limit ?? 0, 2 ** 31 - 1)) : null;
  };
  listen();
  return {
    hearing:
      (take: OutputTaker['write']): OutputTaker['write'] =>
      async (stream, bytes) => {
        taking += 1;
        listen();
        await take(stream, bytes);
        taking -= 1;
        listen();
      },
    end() {
      limit = null;
      listen();
    },
  };
}
