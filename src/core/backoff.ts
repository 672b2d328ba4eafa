import type { Outcome, QueueRequest } from './task.ts';

/**
 * When to try again, or null for never.
 *
 * Commands are not idempotent: the default is one attempt. With retries, `failed`, `timed_out` and
 * `not_started` are tried again after 1 s, 2 s, 4 s ... at most 5 min; `lost` only with `--on-lost retry`.
 *
 * @param attempt  number of the attempt that just ended, from 1
 */
export function retryAt(
  outcome: Outcome,
  attempt: number,
  queue: QueueRequest,
  nowMs: number,
): number | null {
  const again =
    outcome.kind === 'failed' || outcome.kind === 'timed_out' || outcome.kind === 'not_started'
      ? attempt <= queue.retries
      : outcome.kind === 'lost' && queue.onLost === 'retry' && attempt <= Math.max(queue.retries, MAX_LOST);
  return again ? nowMs + Math.min(1000 * 2 ** (attempt - 1), 300_000) : null;
}

/**
 * What a sender who wrote `--on-lost fail` is told of a lost run: it failed, with the number of an
 * internal error (70), because no other is known.
 */
export function settled(outcome: Outcome, { onLost }: QueueRequest): Outcome {
  if (outcome.kind !== 'lost' || onLost !== 'fail') return outcome;
  return { kind: 'failed', exitCode: 70, signal: null, oom: null, cause: `Lost: ${outcome.cause}` };
}

/** A task that killed its worker this often is set aside. */
const MAX_LOST = 3;
