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
  const paused = pausedProviders(await store.pauses(), deps.now()).map(({ name }) => name);
  return (await store.sessions()).map((session) => {
    const { name, status, currentTaskId } = session;
    return { name, status, currentTaskId, ...judge(spec, session, paused) };
  });
}
