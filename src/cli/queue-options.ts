import { parseDuration } from '../core/duration.ts';
import { BerthError } from '../core/errors.ts';
import type { OnLost, QueueRequest } from '../core/task.ts';
import type { Given } from './command.ts';
import { checkName, conflict } from './context-options.ts';
import type { MATCH_FLAGS, QUEUE_FLAGS } from './queue-flags.ts';

export type QueueFlags = Given<typeof QUEUE_FLAGS>;
export type MatchFlags = Given<typeof MATCH_FLAGS>;

/** What was chosen; the settings fill in the rest. */
export type QueueChoice = Partial<QueueRequest>;

/** The queue options of a command line as one value, checked here and nowhere else. */
export function queueChoice(flags: QueueFlags): QueueChoice {
  return {
    ...(flags.timeout !== null && { timeoutMs: parseDuration('--timeout', flags.timeout) }),
    ...(flags['idle-timeout'] !== null && {
      idleTimeoutMs: parseDuration('--idle-timeout', flags['idle-timeout']),
    }),
    ...(flags.delay !== null && { delayMs: parseDuration('--delay', flags.delay) }),
    ...(flags.priority !== null && { priority: parseWhole('--priority', flags.priority, 10) }),
    ...(flags.retries !== null && { retries: parseWhole('--retries', flags.retries, 100) }),
    ...(flags['on-lost'] !== null && { onLost: parseOnLost(flags['on-lost']) }),
    ...(flags.key !== null && { key: parseKey(flags.key) }),
    ...(flags.group !== null && { group: checkName('--group', flags.group) }),
    after: flags.after.map((id) => parseTaskId('--after', id)),
    ...matchChoice(flags),
  };
}

/** What decides which session takes the task. */
export function matchChoice(flags: MatchFlags): QueueChoice {
  rejectContradictions(flags);
  return {
    ...(flags.target !== null && { target: checkName('--target', flags.target) }),
    providers: [flags.provider, ...list(flags.providers), ...list(flags.fallback)].filter(
      (name) => name !== null,
    ),
    matchContext: !flags['no-context-match'],
    ...(flags['in-shell'] && { inShell: true }),
  };
}

/** @throws {BerthError} `INVALID_VALUE`: not a whole number from 0 to `most` */
export function parseWhole(option: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= most) return value;
  throw new BerthError(`${option} "${text}" is not a whole number from 0 to ${most}.`, {
    code: 'INVALID_VALUE',
    hint: `Give a number, such as ${option} 1.`,
  });
}

/** @throws {BerthError} `INVALID_VALUE`: not the number of a task */
export function parseTaskId(option: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw new BerthError(`${option} "${text}" is not a task id.`, {
    code: 'INVALID_VALUE',
    hint: 'Ids are whole numbers from 1 on; `berth list` shows them.',
  });
}

function parseOnLost(text: string): OnLost {
  if (text === 'hold' || text === 'retry' || text === 'fail') return text;
  throw new BerthError(`--on-lost "${text}" is not hold, retry or fail.`, {
    code: 'INVALID_VALUE',
    hint: '`hold` waits for your decision, `retry` runs it again, `fail` counts it as failed.',
  });
}

function parseKey(text: string): string {
  if (text !== '' && text.length <= 255) return text;
  throw new BerthError(`--key has ${text.length} characters; 1 to 255 are allowed.`, {
    code: 'INVALID_VALUE',
    hint: 'Use a short name of what the task does, such as --key nightly-2025-01-31.',
  });
}

function list(text: string | null): readonly string[] {
  if (text === null) return [];
  return text.split(',').map((name) => checkName('--providers', name.trim()));
}

function rejectContradictions(flags: MatchFlags): void {
  if (flags['in-shell'] && flags.target === null) {
    throw conflict('--in-shell needs a session.', 'Name it with --target.');
  }
  if (flags.headless && flags.target !== null) {
    throw conflict(
      '--headless and --target contradict each other.',
      'A session has a terminal; leave one of them out.',
    );
  }
  if (flags.provider !== null && flags.providers !== null) {
    throw conflict('--provider and --providers both name the agent.', 'Give one of them.');
  }
}
