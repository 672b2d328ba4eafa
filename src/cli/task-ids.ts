import { BerthError } from '../core/errors.ts';
import { parseTaskId } from './queue-options.ts';

/** The ids of a command line, in order, each once. */
export function taskIds(args: readonly string[]): readonly number[] {
  return [...new Set(args.map((text) => parseTaskId('The task', text)))];
}

/** One id, for verbs that take exactly one. */
export function taskId(args: readonly string[]): number {
  const [id] = taskIds(args);
  if (id !== undefined) return id;
  throw new BerthError('A task id is missing.', { code: 'USAGE', hint: '`berth list` shows the tasks.' });
}
