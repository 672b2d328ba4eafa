import type { Flags } from './command.ts';

const group = 'Queue options';

export const LIMIT_FLAGS = {
  timeout: {
    type: 'string',
    value: 'TIME',
    group,
    help: 'stop it after 90s, 30m, 1h30m; a bare number is minutes',
  },
  'idle-timeout': { type: 'string', value: 'TIME', group, help: 'stop it after so long without output' },
} as const satisfies Flags;

/** Which session takes a task. */
export const MATCH_FLAGS = {
  target: {
    type: 'string',
    value: 'SESSION',
    completes: 'session',
    group,
    help: 'the one session that may run it',
  },
  'in-shell': {
    type: 'boolean',
    group,
    help: 'with --target: from the shell that is there, with what is set in it',
  },
  provider: { type: 'string', value: 'P', group, help: 'send the content as a prompt to this agent' },
  providers: { type: 'string', value: 'A,B', group, help: 'agents that may take it, in order' },
  fallback: { type: 'string', value: 'A,B', group, help: 'agents to try when none of those is there' },
  prompt: { type: 'boolean', group, help: 'the content is a prompt, not a command' },
  headless: {
    type: 'boolean',
    group,
    help: 'no terminal session: the default for commands; for a prompt, one turn of the agent',
  },
  'no-context-match': { type: 'boolean', group, help: 'take any idle session, however far its context' },
} as const satisfies Flags;

/** The queue options of send. */
export const QUEUE_FLAGS = {
  ...LIMIT_FLAGS,
  priority: { type: 'string', value: '0-10', group, help: '10 is first' },
  retries: { type: 'string', value: 'N', group, help: 'further attempts when it fails (default 0)' },
  'on-lost': {
    type: 'string',
    value: 'WHAT',
    completes: ['hold', 'retry', 'fail'],
    group,
    help: 'hold, retry or fail when its end cannot be known',
  },
  delay: { type: 'string', value: 'TIME', group, help: 'start no sooner than after this time' },
  after: {
    type: 'strings',
    value: 'ID',
    completes: 'task',
    group,
    help: 'start when this task has succeeded (repeatable)',
  },
  group: { type: 'string', value: 'G', group, help: 'group of the task' },
  key: { type: 'string', value: 'K', group, help: 'idempotency key: the same key and task give the same id' },
  ...MATCH_FLAGS,
} as const satisfies Flags;
