import type { BerthError } from '../../core/errors.ts';
import type { RunEnd } from '../../core/executor.ts';
import { execRefusal } from '../../core/kubectl-words.ts';
import type { Place } from '../../core/runtime.ts';
import { targetOf } from './target.ts';

/** As `entryFailure`, for a pod: kubectl's words count only where nothing of the task came before them. */
export function podEntryFailure(place: Place, end: RunEnd): BerthError | null {
  if (end.kind !== 'vanished') return null;
  const { stdoutTail, stderrTail } = end;
  const isEngines = stdoutTail === '' || /^OCI runtime exec failed: [^\n]*\n?$/.test(stdoutTail);
  return isEngines ? (execRefusal(`${stdoutTail}${stderrTail}`, targetOf(place))?.error ?? null) : null;
}
