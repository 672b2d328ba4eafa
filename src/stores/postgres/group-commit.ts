import type { Work } from '../work.ts';
import { isLoss } from './errors.ts';

/** @param nowMs  the database's clock */
export type Job<T> = (nowMs: number) => Work<T>;

/** Calls that are answered together, by one set of statements. */
export interface Kind<Item, Value> {
  /** @returns an answer for each item, in order */
  together(items: readonly Item[]): Job<readonly Value[]>;
}

/** Calls that have nothing in common but their transaction: one after the other. */
export const EACH: Kind<Job<unknown>, unknown> = {
  together: (jobs) =>
    function* (nowMs) {
      const values: unknown[] = [];
      for (const job of jobs) values.push(yield* job(nowMs));
      return values;
    },
};

interface Waiting {
  readonly kind: Kind<unknown, unknown>;
  readonly item: unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: what is asked for while transactions are under way shares the next one, and so its statements and
 * one wait for the disk. When one of its calls fails, each has a transaction of its own, and only the one at fault
 * fails. When the database is away, all of them fail at once.
 *
 * @param commit  runs jobs in one transaction
 * @param width   so many transactions at a time
 */
export function groupCommit(
  commit: (jobs: readonly Job<readonly unknown[]>[]) => Promise<readonly (readonly unknown[])[]>,
  width: number,
): <Item, Value>(kind: Kind<Item, Value>, item: Item) => Promise<Value> {
  const waiting: Waiting[] = [];
  let busy = 0;

  const commitTogether = async (calls: readonly Waiting[]): Promise<void> => {
    const kinds = byKind(calls);
    try {
      const values = await commit(kinds.map(([kind, same]) => kind.together(same.map(({ item }) => item))));
      for (const [at, [, same]] of kinds.entries()) {
        for (const [place, { resolve }] of same.entries()) resolve(values[at]?.[place]);
      }
    } catch (error) {
      if (calls.length === 1 || isLoss(error)) for (const { reject } of calls) reject(error);
      else for (const call of calls) await commitTogether([call]);
    }
  };
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) await commitTogether(waiting.splice(0, MAX_CALLS));
    busy -= 1;
  };

  return <Item, Value>(kind: Kind<Item, Value>, item: Item) =>
    new Promise<Value>((resolve, reject) => {
      waiting.push({ kind, item, resolve, reject } as Waiting);
      if (busy >= width) return;
      busy += 1;
      // what is asked for in the same turn comes along
      setImmediate(() => void flush());
    });
}

const MAX_CALLS = 200;

function byKind(calls: readonly Waiting[]): readonly (readonly [Waiting['kind'], readonly Waiting[]])[] {
  const kinds = new Map<Waiting['kind'], Waiting[]>();
  for (const call of calls) {
    const same = kinds.get(call.kind);
    if (same) same.push(call);
    else kinds.set(call.kind, [call]);
  }
  return [...kinds];
}
