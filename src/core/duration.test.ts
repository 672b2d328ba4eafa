import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test('a length of time is read in every unit, and a bare number is minutes', () => {
  expect(parseDuration('--timeout', '90s')).toBe(90_000);
  expect(parseDuration('--timeout', '30m')).toBe(1_800_000);
  expect(parseDuration('--timeout', '1h30m')).toBe(5_400_000);
  expect(parseDuration('--timeout', '1.5h')).toBe(5_400_000);
  expect(parseDuration('--timeout', '250ms')).toBe(250);
  expect(parseDuration('--timeout', '5')).toBe(300_000);
  expect(parseDuration('--timeout', '0.05')).toBe(3000);
});

test('zero, negative, too long and other words are refused with the value in the sentence', () => {
  for (const text of [
    '0',
    '0s',
    '-1',
    '-5m',
    '',
    'soon',
    '5 minutes',
    '1e3',
    'Infinity',
    'NaN',
    '25d',
    '1m30',
  ]) {
    expect(() => parseDuration('--timeout', text), text).toThrow(
      `--timeout "${text}" is not a length of time`,
    );
  }
});

test('people see the two largest units', () => {
  expect(formatDuration(400)).toBe('0.4s');
  expect(formatDuration(12_900)).toBe('12s');
  expect(formatDuration(90_000)).toBe('1m30s');
  expect(formatDuration(3_600_000)).toBe('1h');
  expect(formatDuration(90_061_000)).toBe('1d1h');
});
