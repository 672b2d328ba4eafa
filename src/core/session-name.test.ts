import { expect, test } from 'vitest';
import { checkSessionName, isExcluded, isSessionName } from './session-name.ts';

test.each(['api', 'web-2', 'A_b', '7', 'x'.repeat(64)])('"%s" is a session name', (name) => {
  expect(checkSessionName(name)).toBe(name);
});

test.each([
  ...['', 'a:b', 'a.b', '#(id)', '#{pid}', 'a\nb', '-a', '_berth', '=a', '%1', '$1', '@1', 'a b', 'a/b', 'é'],
  'x'.repeat(65),
])('%j is refused', (name) => {
  expect(() => checkSessionName(name)).toThrow('is not a session name');
});

test('a slot of a worker is no terminal session', () => {
  expect(isSessionName('local/slot-1')).toBe(false);
});

test.each([
  ['main', ['main'], true],
  ['mainly', ['main'], false],
  ['work-1', ['x', 'work-*'], true],
  ['homework-1', ['work-*'], false],
  ['homework-1', ['*work*'], true],
  ['a+b', ['a+b'], true],
  ['aab', ['a+b'], false],
  ['anything', ['*'], true],
  ['anything', [], false],
])('"%s" against %j: kept out is %j', (name, patterns, expected) => {
  expect(isExcluded(name, patterns)).toBe(expected);
});
