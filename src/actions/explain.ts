import type { Explanation } from '../contexts/explain.ts';
import type { Payload } from '../core/task.ts';
import type { Deps } from './deps.ts';
import { withProject } from './project-defaults.ts';
import type { TaskRequest } from './task-spec.ts';

/** Where a task would run, and why; nothing runs. Its payload is null when only the place is asked about. */
export async function explain(
  deps: Deps,
  { context, open, payload }: Omit<TaskRequest, 'payload' | 'queue'> & { readonly payload: Payload | null },
): Promise<Explanation> {
  return deps.contexts.explain(await withProject(deps, context, open ?? null), payload);
}

/** An explanation for people. @param width  columns */
export async function explanationText(explanation: Explanation, width: number): Promise<string> {
  const { renderExplanation } = await import('../contexts/explain-text.ts');
  return renderExplanation(explanation, width);
}
