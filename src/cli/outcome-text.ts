import { formatDuration } from '../core/duration.ts';
import type { Outcome, Task } from '../core/task.ts';
import { errorLines, type Output } from './output.ts';
import { printable } from './text.ts';

/** State and outcome in one word or two, for a column. */
export function stateText(task: Task): string {
  if (task.state.name !== 'finished') return task.stopRequested === null ? task.state.name : 'stopping';
  const { outcome } = task.state;
  if (outcome.kind === 'failed')
    return outcome.signal === null ? `failed (${outcome.exitCode})` : `failed (${outcome.signal})`;
  return outcome.kind.replace('_', ' ');
}

/** How long it has run, or waits; empty for a task that never ran. */
export function timeText(task: Task, nowMs: number): string {
  if (task.state.name === 'pending') return formatDuration(nowMs - task.createdAtMs);
  if (task.startedAtMs === null) return '';
  const endMs = task.state.name === 'finished' ? task.state.endedAtMs : nowMs;
  return formatDuration(endMs - task.startedAtMs);
}

/** On stderr, what a person should know about the place of a task: that it runs on the host, say. */
export async function reportNotes(out: Output, warnings: readonly string[]): Promise<void> {
  for (const warning of warnings) await out.warn(`berth: note: ${printable(warning)}`);
}

/** On stderr, what the exit code alone does not say. A program's own failure needs no word of ours. */
export async function reportOutcome(out: Output, id: number, outcome: Outcome): Promise<void> {
  switch (outcome.kind) {
    case 'succeeded':
      return;
    case 'failed':
      if (outcome.cause !== null) await out.warn(`berth: task ${id}: ${outcome.cause}`);
      return;
    case 'not_started':
      return out.warn(errorLines(outcome));
    case 'lost':
      return out.warn(`berth: task ${id} is lost: ${outcome.cause}\n  See \`berth why ${id}\`.`);
    default:
      return out.warn(`berth: task ${id} ${outcome.kind.replace('_', ' ')}: ${outcome.cause}`);
  }
}
