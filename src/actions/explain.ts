import type { Explanation } from '../contexts/explain.ts';
import type { Payload, QueueRequest } from '../core/task.ts';
import type { Deps } from './deps.ts';
import { type Judged, judgedSessions } from './judged.ts';
import { withProject } from './project-defaults.ts';
import { fullSpec, type TaskRequest } from './task-spec.ts';

export interface ExplainRequest extends Omit<TaskRequest, 'payload' | 'queue'> {
  /** Null when only the place is asked about. */
  readonly payload: Payload | null;
  /** How it would be queued; null for a task that runs now. */
  readonly queue?: Partial<QueueRequest> | null;
}

export interface Explained extends Explanation {
  /** For a task that would be queued: what speaks for and against each session. */
  readonly sessions: readonly Judged[];
}

/** Where a task would run, and why; nothing runs. */
export async function explain(deps: Deps, request: ExplainRequest): Promise<Explained> {
  const { context, open, payload, queue = null } = request;
  if (queue === null) {
    const place = await withProject(deps, context, open ?? null);
    return { ...(await deps.contexts.explain(place, payload)), sessions: [] };
  }
  const spec = await fullSpec(deps, { context, queue, open, payload: payload ?? ANY_COMMAND });
  const host = spec.context.host === 'local' ? deps.host.name : spec.context.host;
  const [explanation, sessions] = await Promise.all([
    // no shell line of ours does what a prompt does
    deps.contexts.explain(spec.context, payload?.kind === 'prompt' ? null : payload),
    judgedSessions(deps, { ...spec, context: { ...spec.context, host } }),
  ]);
  return { ...explanation, sessions };
}

const ANY_COMMAND: Payload = { kind: 'line', line: ':' };

/** An explanation for people. @param width  columns */
export async function explanationText(explanation: Explanation, width: number): Promise<string> {
  const { renderExplanation } = await import('../contexts/explain-text.ts');
  return renderExplanation(explanation, width);
}
