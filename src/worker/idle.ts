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
  /** Called once. */
  onIdle(): void;
}

/** Asks again when the limit would be reached if nothing more came. */
export function watchSilence(silence: Silence): IdleWatch {
  let timer: NodeJS.Timeout | null = null;
  let ended = false;
  const look = async (): Promise<void> => {
    const last = (await silence.lastOutputMs().catch(() => null)) ?? silence.sinceMs;
    if (ended) return;
    const leftMs = Math.max(last, silence.sinceMs) + silence.limitMs - silence.now();
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
