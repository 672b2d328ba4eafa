import type { ResolvedContext } from '../core/context.ts';
import { messageOf } from '../core/errors.ts';
import type { Executor } from '../core/executor.ts';
import type { Place, Runtime } from '../core/runtime.ts';
import type { Claim } from '../core/store.ts';
import { asCommand } from './agent-turn.ts';
import type { RunDeps } from './deps.ts';
import { runSpecOf } from './plan.ts';

/** What drives the runs of a claim, by the kind of the session that has the task. */
export function executorOf({ executor, terminals }: RunDeps, { lease }: Claim): Executor {
  return terminals?.executor(lease.session) ?? executor;
}

/** Start a claimed task where it was put; the start token makes a second call harmless. */
export async function startRun(
  deps: RunDeps,
  claim: Claim,
  at: { readonly context: ResolvedContext; readonly place: Place; readonly runtime: Runtime },
): Promise<void> {
  const [env, run] = await Promise.all([deps.reveal(at.context.env), asCommand(deps, claim, at)]);
  await executorOf(deps, claim).start(runSpecOf({ claim: run, ...at, env }));
}

/** A task in a window of its own leaves the shell of its session where that was. */
export async function showOwnPlace(deps: RunDeps, { lease }: Claim): Promise<void> {
  try {
    const terminal = await deps.terminals?.find(lease.session);
    if (terminal) await deps.store.updateSession(lease.session, terminal.context);
  } catch (error) {
    deps.log({ event: 'store_trouble', task: lease.taskId, message: messageOf(error) });
  }
}
