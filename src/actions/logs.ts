import { setTimeout as delay } from 'node:timers/promises';
import { BerthError } from '../core/errors.ts';
import type { Store } from '../core/store.ts';
import type { Attempt, Task } from '../core/task.ts';
import type { Deps, OutputChunk } from './deps.ts';
import { findTask } from './find-tasks.ts';
import { nextChange } from './wait.ts';

export interface LogRequest {
  readonly id: number;
  /** null is the latest, and with `follow` those that come after it. */
  readonly attempt: number | null;
  readonly follow: boolean;
}

/** What is left of a run's output is read within this time after its outcome is known. */
const DRAIN_MS = 2000;

/**
 * The output of a task. With `follow` it goes on until the task has ended, and waits for one that has not begun.
 *
 * @throws {BerthError} `TASK_NOT_FOUND`, or `NOTHING_MATCHED` for an attempt that there is not
 */
export async function* logs(deps: Deps, request: LogRequest): AsyncGenerator<OutputChunk> {
  const store = await deps.store();
  let task = await findTask(store, request.id);
  let attempt = chooseAttempt(task, request.attempt);
  for (;;) {
    if (attempt !== null) yield* attemptOutput(deps, store, { task, attempt, follow: request.follow });
    if (!request.follow || request.attempt !== null) return;
    const shown: number = attempt?.number ?? 0;
    task = await findTask(store, request.id);
    while (task.state.name !== 'finished' && (task.attempts.at(-1)?.number ?? 0) === shown) {
      await nextChange(store);
      task = await findTask(store, request.id);
    }
    attempt = task.attempts.find(({ number }) => number > shown) ?? null;
    if (attempt === null) return;
  }
}

async function* attemptOutput(
  deps: Deps,
  store: Store,
  { task, attempt, follow }: { task: Task; attempt: Attempt; follow: boolean },
): AsyncGenerator<OutputChunk> {
  const stop = new AbortController();
  const running = follow && attempt.outcome === null;
  const end = running ? stopAfter(store, task.id, attempt.number, stop) : null;
  try {
    yield* deps.runs.output(attempt.runDirectory, { follow: running, signal: stop.signal });
  } finally {
    stop.abort();
    await end;
  }
}

/** A run that was lost, or never began, writes no end: stop reading soon after its outcome is known. */
async function stopAfter(store: Store, id: number, attempt: number, stop: AbortController): Promise<void> {
  while (!stop.signal.aborted) {
    const task = await store.task(id);
    if (!task || task.attempts.find(({ number }) => number === attempt)?.outcome) break;
    await Promise.race([nextChange(store), aborted(stop.signal)]);
  }
  await delay(DRAIN_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  stop.abort();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function chooseAttempt(task: Task, number: number | null): Attempt | null {
  if (number === null) return task.attempts.at(-1) ?? null;
  const attempt = task.attempts.find((one) => one.number === number);
  if (attempt) return attempt;
  throw new BerthError(`Task ${task.id} has no attempt ${number}.`, {
    code: 'NOTHING_MATCHED',
    hint: `\`berth show ${task.id}\` lists its attempts.`,
  });
}
