import type { WorkerOptions } from '../actions/deps.ts';
import { BerthError } from '../core/errors.ts';
import { type Flags, type Given, JSON_FLAG } from './command.ts';
import { checkName } from './context-options.ts';
import { parseWhole } from './queue-options.ts';

export const WORKER_FLAGS = {
  name: { type: 'string', value: 'NAME', help: 'name of the worker (default: the setting worker.name)' },
  slots: { type: 'string', value: 'N', help: 'tasks at a time (default: the setting worker.slots)' },
  ...JSON_FLAG,
} as const satisfies Flags;

export function workerOptions(flags: Given<typeof WORKER_FLAGS>, drain: boolean): WorkerOptions {
  const slots = flags.slots === null ? null : parseWhole('--slots', flags.slots, 1000);
  if (slots === 0) {
    throw new BerthError('--slots "0" would run nothing.', {
      code: 'INVALID_VALUE',
      hint: 'Give 1 or more.',
    });
  }
  return { name: flags.name === null ? null : checkName('--name', flags.name), slots, drain };
}
