import type { BerthError } from '../../core/errors.ts';
import type { RunEnd } from '../../core/executor.ts';
import { execRefusal } from '../../core/kubectl-words.ts';
import type { Place } from '../../core/runtime.ts';
import { targetOf } from './target.ts';

/** As `entryFailure`, for a pod: kubectl's words count only where nothing of the task came before them. */
export function podEntryFailure(place: Place, end: RunEnd): BerthError | null {
  if (end.kind !== 'vanished' || end.stdoutTail !== '') return null;
  return execRefusal(end.stderrTail, targetOf(place))?.error ?? null;
}
