import type { Deps, WorkerOptions } from '../actions/deps.ts';
import { BerthError } from '../core/errors.ts';
import { type Flags, type Given, JSON_FLAG } from './command.ts';
import { checkName } from './context-options.ts';
import { parseWhole } from './queue-options.ts';

export const WORKER_FLAGS = {
  name: { type: 'string', value: 'NAME', help: 'name of the worker (default: the setting worker.name)' },
  slots: { type: 'string', value: 'N', help: 'tasks at a time (default: the setting worker.slots)' },
  ...JSON_FLAG,
} as const satisfies Flags;

/** What was asked for, and the settings for the rest. */
export async function workerOptions(
  flags: Given<typeof WORKER_FLAGS>,
  drain: boolean,
  deps: Pick<Deps, 'settings' | 'cwd' | 'host'>,
): Promise<WorkerOptions> {
  const { slots } = await deps.settings(deps.cwd);
  return {
    name: await workerNameOf(flags.name, deps),
    slots: flags.slots === null ? slots.value : parseSlots(flags.slots),
    drain,
  };
}

/** The worker that is meant; without `--name`, that of the settings. */
export async function workerNameOf(
  given: string | null,
  deps: Pick<Deps, 'settings' | 'cwd' | 'host'>,
): Promise<string> {
  if (given !== null) return checkName('--name', given);
  const { workerName } = await deps.settings(deps.cwd);
  // in a queue that machines share, each has a name of its own
  return workerName.origin.kind === 'built-in' ? deps.host.name : workerName.value;
}

function parseSlots(text: string): number {
  const slots = parseWhole('--slots', text, 1000);
  if (slots > 0) return slots;
  throw new BerthError('--slots "0" would run nothing.', { code: 'INVALID_VALUE', hint: 'Give 1 or more.' });
}
