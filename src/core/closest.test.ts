import { expect, test } from 'vitest';
import { closest } from './closest.ts';

const verbs = ['send', 'list', 'show', 'logs', 'sessions', 'services', 'cancel', 'clear'];

test('a slip of the finger finds the word that was meant', () => {
  expect(closest('lsit', verbs)).toBe('list');
  expect(closest('snd', verbs)).toBe('send');
  expect(closest('cancle', verbs)).toBe('cancel');
  expect(closest('sess', verbs)).toBe('sessions');
});

test('a word that is like none of them finds none', () => {
  expect(closest('frobnicate', verbs)).toBeNull();
  expect(closest('', verbs)).toBeNull();
});
