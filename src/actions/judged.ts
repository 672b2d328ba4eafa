import { pausedProviders } from '../core/limits.ts';
import { type Judgement, judge } from '../core/match.ts';
import type { Session } from '../core/session.ts';
import type { TaskSpec } from '../core/task.ts';
import type { Deps } from './deps.ts';

/** What speaks for and against one session for one task. */
export interface Judged extends Judgement {
  readonly name: string;
  readonly status: Session['status'];
  readonly currentTaskId: number | null;
}

/** All sessions of the queue, as the match would look at them for this task now. */
export async function judgedSessions(deps: Deps, spec: TaskSpec): Promise<readonly Judged[]> {
  const store = await deps.store();
  const pauses = await store.pauses();
  const providers = pausedProviders(pauses, deps.now()).map(({ name }) => name);
  return (await store.sessions()).map((session) => {
    const { name, status, currentTaskId } = session;
    const isPaused = pauses.some((one) => one.kind === 'session' && one.name === name);
    const judgement = judge(spec, session, providers);
    const pause = { name: 'pause', refusal: isPaused ? 'the session is paused' : null };
    const gates = [...judgement.gates, pause];
    return { name, status, currentTaskId, ...judgement, gates, passed: judgement.passed && !isPaused };
  });
}
