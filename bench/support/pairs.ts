import { median, ms, print, timed } from './report.ts';

/** Every way once in each round, one right after the other, so that all see the same machine; before, once to warm up. */
export async function rounds<K extends string>(
  count: number,
  ways: Readonly<Record<K, () => Promise<unknown>>>,
): Promise<Record<K, number[]>> {
  const names = Object.keys(ways) as K[];
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<K, number[]>;
  for (const name of names) await ways[name]();
  for (let round = 0; round < count; round++)
    for (const name of names) times[name].push(await timed(ways[name]));
  return times;
}

export interface Peer {
  readonly name: string;
  readonly times: readonly number[];
  /** Ours divided by the peer's, at most; null where none is set. */
  readonly goal: number | null;
}

/** Prints the medians and their ratio. */
export function pair(what: string, ours: readonly number[], { name, times, goal }: Peer): void {
  const ratio = median(ours) / median(times);
  print({
    what,
    ours: ms(median(ours)),
    peer: `${name} ${ms(median(times))}`,
    ratio,
    ...(goal !== null && { goal: `${goal} x`, ok: ratio <= goal }),
  });
}
