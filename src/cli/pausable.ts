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
  provider: { type: 'string', value: 'P', help: 'only prompts for this agent; also ends a usage limit' },
} as const satisfies Flags;

export function pausable({ group, session, provider }: Given<typeof PAUSABLE_FLAGS>): Pausable {
  const named = Object.entries({ group, session, provider }).filter(([, name]) => name !== null);
  if (named.length > 1) {
    throw conflict(
      `${named.map(([option]) => `--${option}`).join(' and ')} name more than one thing.`,
      'Give one of them, or none for the whole queue.',
    );
  }
  if (provider !== null) return { kind: 'provider', name: checkName('--provider', provider), limit: null };
  if (group !== null) return { kind: 'group', name: checkName('--group', group) };
  if (session !== null) return { kind: 'session', name: checkName('--session', session) };
  return { kind: 'queue' };
}

/** `The queue`, `Group gpu`, `Agent claude`. */
export function nameOf(what: Pausable): string {
  if (what.kind === 'queue') return 'The queue';
  return `${NAMES[what.kind]} ${what.name}`;
}

const NAMES = { group: 'Group', session: 'Session', provider: 'Agent' } as const;
