import { expect, test } from 'vitest';
import { BerthError } from '../core/errors.ts';
import { defineCommand } from './command.ts';
import { parse } from './parse.ts';
import { QUEUE_FLAGS } from './queue-flags.ts';
import { type QueueFlags, queueChoice } from './queue-options.ts';

test('what is not given is left to the settings', () => {
  expect(read([])).toEqual({ after: [], providers: [], matchContext: true });
});

test('every option arrives with its unit', () => {
  const argv =
    '--timeout 30 --idle-timeout 90s --delay 1h --priority 10 --retries 2 --on-lost retry --key k --after 3 --after 4';
  expect(read(argv.split(' '))).toMatchObject({
    timeoutMs: 1_800_000,
    idleTimeoutMs: 90_000,
    delayMs: 3_600_000,
    priority: 10,
    retries: 2,
    onLost: 'retry',
    key: 'k',
    after: [3, 4],
  });
});

test('fallbacks stand behind the providers', () => {
  expect(read(['--providers', 'claude,codex', '--fallback', 'gemini']).providers).toEqual([
    'claude',
    'codex',
    'gemini',
  ]);
});

test.each([
  ['--timeout', '0'],
  ['--timeout', '-1'],
  ['--idle-timeout', 'x'],
  ['--priority', '11'],
  ['--priority', '-1'],
  ['--priority', '1.5'],
  ['--retries', 'many'],
  ['--on-lost', 'panic'],
  ['--after', 'first'],
  ['--after', '0'],
  ['--key', ''],
])('%s %j is refused', (option, value) => {
  expect(() => read([option, value])).toThrow(BerthError);
});

test('a headless task has no session of its own', () => {
  expect(() => read(['--headless', '--target', 'main'])).toThrow(
    '--headless and --target contradict each other.',
  );
});

const command = defineCommand({
  name: 'send',
  arguments: { usage: '', min: 0, max: 0 },
  flags: QUEUE_FLAGS,
  examples: [],
  run: async () => 0,
});

function read(argv: readonly string[]) {
  const parsed = parse(command, argv);
  if (parsed === 'help') throw new Error('help');
  return queueChoice(parsed.flags as QueueFlags);
}
