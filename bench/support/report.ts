/** One line of a benchmark. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  /** What it is compared with, as `name 1.2 ms`. */
  readonly peer?: string;
  /** Ours divided by the peer's. */
  readonly ratio?: number;
  readonly goal?: string;
  readonly ok?: boolean;
}

/** Print rows as they come, in columns. */
export function print({ what, ours, peer = '', ratio, goal = '', ok }: Row): void {
  const cells = [
    what.padEnd(46),
    ours.padStart(20),
    peer.padStart(34),
    (ratio === undefined ? '' : `${ratio.toFixed(2)} x`).padStart(8),
    goal.padStart(20),
    ok === undefined ? '' : ok ? 'ok' : 'MISSED',
  ];
  console.log(cells.join('  ').trimEnd());
}

export function skip(what: string, why: string): void {
  console.log(`${what.padEnd(46)}  left out: ${why}`);
}

/** @param share  0 to 1; 0.5 is the median */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]) => percentile(values, 0.5);

export const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
export const perSecond = (value: number) => `${Math.round(value).toLocaleString('en')}/s`;

/** How long an asynchronous piece of work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
