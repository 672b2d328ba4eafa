import { performance } from 'node:perf_hooks';

/** As the store has it. */
const LEASE_MS = 30_000;
/** Before the end of the lease nothing is started any more. */
const MARGIN_MS = 5000;

/**
 * What this worker may believe of its lease. It is measured with a clock that only goes forward, from before
 * each renewal was sent: the database counts from later on.
 */
export class WorkerLease {
  private renewedAtMs: number;
  private waiting: (() => void)[] = [];
  private readonly clock: () => number;

  /** @param clock  monotonic milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.clock = clock;
    this.renewedAtMs = clock();
  }

  /** To be asked before a renewal is sent. */
  now(): number {
    return this.clock();
  }

  /** @param sentAtMs  what `now` said before it was sent */
  renewed(sentAtMs: number): void {
    this.renewedAtMs = Math.max(this.renewedAtMs, sentAtMs);
    for (const go of this.waiting.splice(0)) go();
  }

  /** False: another host may take over any moment, so nothing may be started. */
  isSafe(): boolean {
    return this.clock() - this.renewedAtMs < LEASE_MS - MARGIN_MS;
  }

  /** Resolves at the next renewal, or when the signal aborts. */
  renewal(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      this.waiting.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
