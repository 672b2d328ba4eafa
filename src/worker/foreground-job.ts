import { Writable } from 'node:stream';
import { BerthError } from '../core/errors.ts';
import type { OutputTaker } from '../core/supervised.ts';
import {
  type ForegroundDeps,
  type ForegroundEnd,
  type ForegroundStreams,
  takerFor,
} from './foreground-deps.ts';
import { holdLeash } from './leash.ts';
import { type PlanFacts, runSpecOf } from './plan.ts';

/**
 * A Job holds itself: we only show what it writes, and pass on orders to stop. When we die it goes on, and the
 * next worker finishes it.
 *
 * @throws {BerthError} `CONTEXT_CONFLICT`: nothing can be typed at a Job
 */
export async function asJob(
  deps: ForegroundDeps,
  facts: PlanFacts,
  streams: ForegroundStreams,
): Promise<ForegroundEnd> {
  const { executor } = deps;
  const directory = facts.claim.attempt.runDirectory;
  if (streams.stdin === 'forward') {
    throw new BerthError('A Job has no standard input.', {
      code: 'CONTEXT_CONFLICT',
      hint: 'Leave --stdin out, or enter a pod that runs with --pod.',
    });
  }
  await executor.start(runSpecOf(facts));
  const orders = new Writable({
    write: (_chunk, _encoding, done) => void executor.stop(directory).then(() => done(), done),
  });
  const leash = holdLeash(deps, facts, { stdin: orders });
  const forget = deps.onSignal(() => leash.stop('cancelled'));
  const over = new AbortController();
  try {
    const write = takerFor(streams);
    const shown = show(deps, directory, { write: leash.hearing(write), signal: over.signal });
    const end = await executor.watch(directory, new AbortController().signal);
    await executor.seal(directory, end);
    await shown;
    return { end, stopReason: leash.reason };
  } finally {
    over.abort();
    forget();
    leash.release();
  }
}

async function show(
  deps: ForegroundDeps,
  directory: string,
  { write, signal }: { readonly write: OutputTaker['write']; readonly signal: AbortSignal },
): Promise<void> {
  for await (const { stream, bytes } of deps.output(directory, signal)) await write(stream, bytes);
}
