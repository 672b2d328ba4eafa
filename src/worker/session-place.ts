import type { ResolvedContext } from '../core/context.ts';
import { BerthError, messageOf } from '../core/errors.ts';
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
  const answer = await executorOf(deps, claim).start(runSpecOf({ claim: run, ...at, env }));
  if (answer === 'already' && claim.task.state.name !== 'running') throw leftover(claim);
}

/** A run of this name that this task never started: the database is newer than the folder of runs. */
export function leftover({ attempt }: Claim): BerthError {
  return new BerthError(`The run ${attempt.runDirectory} is there already, left by another queue.`, {
    code: 'FILE_EXISTS',
    hint: 'The database was replaced: move the folder `runs` beside it away, then `berth retry`.',
  });
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
