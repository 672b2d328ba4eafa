import { randomBytes } from 'node:crypto';

/** So many at a time, until all are done; the answers in the order of the items. */
export async function inTurns<T, R>(
  items: readonly T[],
  atOnce: number,
  act: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const waiting = [...items.entries()];
  const workOff = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      results[next[0]] = await act(next[1]);
  };
  await Promise.all(Array.from({ length: atOnce }, workOff));
  return results;
}

/** How much longer than alone this process takes for its work: 1 where nobody else wants the processor. */
export function slowness(): number {
  const before = performance.now();
  const used = process.cpuUsage();
  const usedMs = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1000;
  while (usedMs(process.cpuUsage(used)) < 50);
  return Math.max(1, (performance.now() - before) / 50);
}

export function aMark(): string {
  return `mark-${randomBytes(8).toString('hex')}`;
}

interface Patience {
  readonly withinMs?: number;
  /** What asks an engine costs it something. */
  readonly everyMs?: number;
}

/** Wait for a condition, never for a time. */
export async function until(
  holds: () => Promise<boolean>,
  { withinMs = 30_000, everyMs = 20 }: Patience = {},
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`The condition did not come true within ${withinMs} ms.`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
