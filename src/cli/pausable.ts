import type { Pausable } from '../core/store.ts';
import type { Flags, Given } from './command.ts';
import { checkName, conflict } from './context-options.ts';

export const PAUSABLE_FLAGS = {
  group: { type: 'string', value: 'G', help: 'only tasks of this group' },
  session: {
    type: 'string',
    value: 'SESSION',
    completes: 'session',
    help: 'only what this session would start',
  },
} as const satisfies Flags;

export function pausable({ group, session }: Given<typeof PAUSABLE_FLAGS>): Pausable {
  if (group !== null && session !== null) {
    throw conflict(
      '--group and --session name two things.',
      'Give one of them, or none for the whole queue.',
    );
  }
  if (group !== null) return { kind: 'group', name: checkName('--group', group) };
  if (session !== null) return { kind: 'session', name: checkName('--session', session) };
  return { kind: 'queue' };
}

/** `The queue`, `Group gpu`. */
export function nameOf(what: Pausable): string {
  if (what.kind === 'queue') return 'The queue';
  return `${what.kind === 'group' ? 'Group' : 'Session'} ${what.name}`;
}
