import { expect, test } from 'vitest';
import { BerthError } from '../core/errors.ts';
import { defineCommand } from './command.ts';
import { parse } from './parse.ts';

const flags = {
  wait: { type: 'boolean', short: 'w', help: '' },
  quiet: { type: 'boolean', short: 'q', help: '' },
  env: { type: 'strings', value: 'K=V', short: 'e', help: '' },
  timeout: { type: 'string', value: 'TIME', help: '' },
} as const;
const rest = { usage: 'CMD', min: 0, max: 99, rest: true };
const free = { usage: 'ARG', min: 0, max: 2 };

test('repeated, joined, short and bundled options all arrive', () => {
  expect(read(free, ['-e', 'A=1', '--env=B=2', '-eC=3', '-wq', 'x', '--timeout', '-1'])).toEqual({
    flags: { wait: true, quiet: true, env: ['A=1', 'B=2', 'C=3'], timeout: '-1' },
    args: ['x'],
  });
});

test('the last of a single option counts', () => {
  expect(read(free, ['--timeout', '1', '--timeout', '2'])).toMatchObject({ flags: { timeout: '2' } });
});

test('from the first word of the command on, nothing is ours', () => {
  expect(read(rest, ['-w', 'ls', '-w', '--wat', '--', '--help'])).toMatchObject({
    flags: { wait: true, quiet: false },
    args: ['ls', '-w', '--wat', '--', '--help'],
  });
});

test('after -- nothing is ours, whatever it looks like', () => {
  expect(read(rest, ['-q', '--', '--wait', '--', '-e'])).toMatchObject({
    flags: { wait: false, quiet: true, env: [] },
    args: ['--wait', '--', '-e'],
  });
  expect(read(free, ['a', '--', '-w'])).toMatchObject({ args: ['a', '-w'] });
});

test('an unknown option names the closest one', () => {
  expect(refusal(free, ['--timeot', '3'])).toMatchObject({
    code: 'UNKNOWN_OPTION',
    exitCode: 64,
    message: 'berth try has no option --timeot.',
    hint: 'Did you mean --timeout?',
  });
  expect(refusal(free, ['--zzz']).hint).toBe('See `berth try --help`.');
  expect(refusal(free, ['-z'])).toMatchObject({ code: 'UNKNOWN_OPTION' });
  expect(refusal(free, ['--constructor'])).toMatchObject({ code: 'UNKNOWN_OPTION' });
});

test('a missing value, a value too much, and words too many are refused', () => {
  expect(refusal(free, ['--timeout']).message).toBe('--timeout needs a value: TIME.');
  expect(refusal(free, ['--wait=yes']).message).toBe('--wait takes no value, but was given "yes".');
  expect(refusal(free, ['a', 'b', 'c']).message).toBe('berth try has no use for "c".');
  expect(refusal({ usage: 'ID', min: 1, max: 1 }, []).message).toBe('berth try needs ID.');
  expect(refusal({ usage: 'ID...', min: 1, max: 9 }, []).message).toBe('berth try needs ID...');
});

test('help is asked for anywhere among our own words', () => {
  expect(read(free, ['x', '-h'])).toBe('help');
  expect(read(rest, ['--help', 'ls'])).toBe('help');
});

function read(args: { usage: string; min: number; max: number; rest?: boolean }, argv: readonly string[]) {
  const spec = defineCommand({ name: 'try', arguments: args, flags, examples: [], run: async () => 0 });
  return parse(spec, argv);
}

function refusal(args: { usage: string; min: number; max: number }, argv: readonly string[]): BerthError {
  try {
    read(args, argv);
  } catch (error) {
    if (error instanceof BerthError) return error;
  }
  throw new Error(`${argv.join(' ')} was taken`);
}
