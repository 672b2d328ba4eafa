import { expect, test } from 'vitest';
import { printable } from './text.ts';

test('text from outside cannot steer the terminal', () => {
  expect(printable('a\u001b[2Jb\nc\td\u202e')).toBe('a\\x1b[2Jb\\nc\\td\\u202e');
  expect(printable('byte \udcff end')).toBe('byte \\xff end');
  expect(printable('smile 😀 é')).toBe('smile 😀 é');
});
