import { expect, test } from 'vitest';
import { capabilitiesOf } from './version.ts';

test.each([
  ['tmux 3.2', { survivesPasteIntoDeadPane: false, tellsDeadStatus: true, cleansPastes: false }],
  ['tmux 3.2a', { version: '3.2a' }],
  ['tmux 3.3a', { survivesPasteIntoDeadPane: false, tellsDeadStatus: false, cleansPastes: false }],
  ['tmux 3.3', { survivesPasteIntoDeadPane: false, tellsDeadStatus: false, cleansPastes: false }],
  ['tmux 3.4', { survivesPasteIntoDeadPane: true, tellsDeadStatus: true, cleansPastes: false }],
  ['tmux 3.6a', { survivesPasteIntoDeadPane: true, tellsDeadStatus: true, cleansPastes: false }],
  ['tmux 3.7c', { version: '3.7c', cleansPastes: true }],
  ['tmux 4.0', { cleansPastes: true }],
  ['tmux 3.5a', { survivesPasteIntoDeadPane: true, tellsDeadStatus: true, cleansPastes: false }],
  ['tmux next-3.8', { cleansPastes: true }],
  ['tmux master', { cleansPastes: true }],
  ['tmux openbsd-7.6', { survivesPasteIntoDeadPane: true }],
])('%s is supported', (words, expected) => {
  expect(capabilitiesOf(words)).toMatchObject(expected);
});

test.each(['tmux 1.8', 'tmux 2.9a', 'tmux 3.1c', 'tmux', '', 'screen 4.9'])('"%s" is refused', (words) => {
  expect(() => capabilitiesOf(words)).toThrow('too old');
});
