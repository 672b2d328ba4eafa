import type { Work } from '../work.ts';
import { isLoss } from './errors.ts';

/** @param nowMs  the database's clock */
export type Job<T> = (nowMs: number) => Work<T>;

interface Waiting {
  readonly job: Job<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: what is asked for while a transaction is under way shares the next one, and so one wait for the
 * disk. When one of its jobs fails, each has a transaction of its own, and only the one at fault fails. When the
 * database is away, all of them fail at once.
 *
 * @param commit  runs jobs in one transaction
 */
export function groupCommit(
  commit: (jobs: readonly Job<unknown>[]) => Promise<readonly unknown[]>,
): <T>(job: Job<T>) => Promise<T> {
  const waiting: Waiting[] = [];
  let busy = false;

  const alone = async ({ job, resolve, reject }: Waiting): Promise<void> => {
    await commit([job]).then(([value]) => resolve(value), reject);
  };
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MAX_JOBS);
      try {
        const values = await commit(batch.map(({ job }) => job));
        for (const [at, { resolve }] of batch.entries()) resolve(values[at]);
      } catch (error) {
        if (batch.length === 1 || isLoss(error)) for (const { reject } of batch) reject(error);
        else for (const one of batch) await alone(one);
      }
    }
    busy = false;
  };

  return <T>(job: Job<T>) =>
    new Promise<T>((resolve, reject) => {
      waiting.push({ job, resolve: resolve as (value: unknown) => void, reject });
      if (busy) return;
      busy = true;
      // what is asked for in the same turn comes along
      setImmediate(() => void flush());
    });
}

const MAX_JOBS = 200;
