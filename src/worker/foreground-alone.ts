import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { BerthError } from '../core/errors.ts';
import type { LoneBox, Scope } from '../core/runtime.ts';
import { followSupervised } from '../core/supervised.ts';
import {
  type ForegroundDeps,
  type ForegroundEnd,
  type ForegroundStreams,
  takerFor,
} from './foreground-deps.ts';
import { holdLeash } from './leash.ts';
import type { PlanFacts } from './plan.ts';

interface Wish extends Pick<PlanFacts, 'claim' | 'context' | 'runtime' | 'env'> {
  readonly scope: Scope;
  readonly streams: ForegroundStreams;
}

/**
 * A box for an image that has no shell: the program is all that runs in it.
 *
 * @param error  why the box was not prepared; thrown where it says something else, and where the task itself needs a
 *               shell: for a line, a prerequisite or a toolchain
 */
export async function loneBox(deps: ForegroundDeps, wish: Wish, error: unknown): Promise<LoneBox> {
  const { claim, context, runtime, env, scope, streams } = wish;
  const { payload, queue } = claim.task.spec;
  const needsShell = payload.kind !== 'argv' || context.prereqs.length > 0 || context.toolchain !== null;
  const isShellLess = error instanceof BerthError && error.code === 'NO_SHELL';
  if (!isShellLess || needsShell || !context.container || !runtime.makeLone) throw error;
  streams.resolved([
    'The image has no shell: the program runs as its container’s own, and the engine stops it. It goes on if berth is killed.',
  ]);
  const ours = { BERTH_TASK: String(claim.task.id), BERTH_ATTEMPT: String(claim.lease.attempt) };
  return runtime.makeLone(deps.host, context.container, scope, {
    command: { argv: payload.argv, cwd: context.dir.target, env: { ...ours, ...env } },
    user: context.user,
    streams: { stdin: streams.stdin !== 'none', tty: streams.stdin === 'terminal' },
    graceMs: queue.graceMs,
  });
}

/** Until its program has ended, or the engine has stopped it. */
export async function runAlone(
  deps: ForegroundDeps,
  facts: PlanFacts,
  { box, streams }: { readonly box: LoneBox; readonly streams: ForegroundStreams },
): Promise<ForegroundEnd> {
  const onTerminal = streams.stdin === 'terminal';
  const own = streams.output !== null;
  const child = deps.host.spawn(box.command, {
    stdin: streams.stdin === 'none' ? 'ignore' : 'inherit',
    stdout: own ? 'pipe' : 'inherit',
    stderr: onTerminal && !own ? 'inherit' : 'pipe',
    detached: !onTerminal,
  });
  const leash = holdLeash(deps, facts, { stdin: ordersTo(box), kill: () => child.kill('SIGKILL') });
  const forget = deps.onSignal((signal) => {
    // a terminal gives Ctrl-C to the program itself
    if (signal !== 'SIGINT' || !onTerminal) leash.stop('cancelled');
  });
  const write = takerFor(streams);
  // the program has no supervisor, so nobody knows this word
  const nonce = randomBytes(8).toString('hex');
  const end = await box.endOf(await followSupervised(child, nonce, { write: leash.hearing(write) }));
  forget();
  leash.release();
  const stopped = leash.reason !== null && end.kind === 'ended' && end.report.kind === 'exit';
  return {
    end: stopped ? { kind: 'ended', report: { ...end.report, kind: 'stopped', reason: 'asked' } } : end,
    stopReason: leash.reason,
  };
}

/** The words of a leash, as orders to the engine: each once, however often it is said. */
function ordersTo(box: LoneBox): Writable {
  const given = new Set<string>();
  return new Writable({
    write: (chunk, _encoding, done) => {
      const order = String(chunk);
      done();
      if (given.has(order)) return;
      given.add(order);
      // an engine that does not answer is given up by whoever waits for the end
      (order === 'kill\n' ? box.kill() : box.stop()).catch(() => given.delete(order));
    },
  });
}
