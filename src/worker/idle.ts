import { performance } from 'node:perf_hooks';

/** Tells when a run has written nothing for too long. */
export interface IdleWatch {
  end(): void;
}

export interface Silence {
  readonly limitMs: number;
  /** When the run last wrote something, Unix milliseconds; null while it has not. */
  lastOutputMs(): Promise<number | null>;
  /** The start of the run, Unix milliseconds. */
  readonly sinceMs: number;
  now(): number;
  /** Milliseconds on a clock that only goes forward; left out, that of this process. */
  steadyNow?(): number;
  /** Called once. */
  onIdle(): void;
}

/**
 * Asks again when the limit would be reached if nothing more came. The clock of files may be set while a run goes on:
 * an output that is new to us and older than our last look was written under another time.
 */
export function watchSilence(silence: Silence): IdleWatch {
  const steadyNow = silence.steadyNow ?? (() => performance.now());
  let timer: NodeJS.Timeout | null = null;
  let ended = false;
  let known: number | null = null;
  let lookedAt = steadyNow() - Math.max(0, silence.now() - silence.sinceMs);
  let quietSince = lookedAt;
  const look = async (): Promise<void> => {
    const last = await silence.lastOutputMs().catch(() => known);
    if (ended) return;
    const steady = steadyNow();
    if (last !== null && last !== known) {
      const ageMs = silence.now() - last;
      quietSince = ageMs >= 0 && ageMs <= steady - lookedAt ? steady - ageMs : steady;
      known = last;
    }
    lookedAt = steady;
    const leftMs = quietSince + silence.limitMs - steady;
    if (leftMs <= 0) silence.onIdle();
    else plan(leftMs);
  };
  const plan = (leftMs: number): void => {
    // Node fires timers beyond 2^31 ms at once
    timer = setTimeout(() => void look(), Math.min(leftMs, 2 ** 31 - 1));
    timer.unref();
  };
  plan(silence.limitMs);
  return {
    end() {
      ended = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}
