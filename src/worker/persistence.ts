import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../core/errors.ts';
import type { RunDeps } from './deps.ts';

/**
 * Do it, however often it takes; a worker that is asked to stop leaves it to the next one.
 *
 * @param onTrouble  called after each failure
 */
export async function persistently<T>(
  deps: RunDeps,
  work: () => Promise<T>,
  signal: AbortSignal,
  onTrouble: () => Promise<void> = async () => {},
): Promise<T> {
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, MOST_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isAbort(error)) deps.log({ event: 'store_trouble', message: messageOf(error) });
      await onTrouble().catch((also) => deps.log({ event: 'store_trouble', message: messageOf(also) }));
      if (signal.aborted) throw error;
      await delay(waitMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** Begin something that may be repeated; while this machine is short of what that takes, it waits. */
export async function whenPossible<T>(
  deps: RunDeps,
  begin: () => Promise<T>,
  given: { readonly task: number; readonly signal: AbortSignal; stopped(): boolean },
): Promise<T> {
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, MOST_MS)) {
    try {
      return await begin();
    } catch (error) {
      if (!isShortage(error) || given.signal.aborted || given.stopped()) throw error;
      deps.log({ event: 'start_delayed', task: given.task, message: messageOf(error) });
      await delay(waitMs, undefined, { signal: given.signal }).catch(() => {});
    }
  }
}

const MOST_MS = 5000;

/** Too many open files or processes, no memory, no space: it passes, and says nothing of the task. */
function isShortage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return SHORT.includes(code) || isShortage(error.cause);
}

const SHORT: readonly string[] = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'ENOSPC', 'EDQUOT'];

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
