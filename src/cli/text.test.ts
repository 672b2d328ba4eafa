import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable, shorten, table, textWidth } from './text.ts';

test('text from outside cannot steer the terminal', () => {
  expect(printable('a\u001b[2Jb\nc\td\u202e')).toBe('a\\x1b[2Jb\\nc\\td\\u202e');
  expect(printable('byte \udcff end')).toBe('byte \\xff end');
  expect(printable('smile 😀 é')).toBe('smile 😀 é');
});

test('wide characters take two columns', () => {
  expect(textWidth('日本')).toBe(4);
  expect(textWidth('é')).toBe(1);
  expect(textWidth('😀')).toBe(2);
});

test('shortened text fits, and says that it was cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, columns) => {
      const short = shorten(text, columns);
      expect(textWidth(short)).toBeLessThanOrEqual(columns);
      expect(short === text || short.endsWith('…')).toBe(true);
    }),
  );
});

test('the flexible column gives way so that a table fits the terminal', () => {
  const columns = [
    { title: 'ID', align: 'right' },
    { title: 'COMMAND', flexible: true },
    { title: 'LAST' },
  ] as const;
  const rows = [
    ['7', 'a command that is much longer than the terminal is wide', 'x'],
    ['12', 'short', 'yy'],
  ];

  expect(table(columns, rows, { width: 30 })).toBe(
    ['ID  COMMAND               LAST', ' 7  a command that is m…  x', '12  short                 yy'].join(
      '\n',
    ),
  );
});

test('without a terminal nothing is cut', () => {
  expect(table([{ title: 'C', flexible: true }], [['x'.repeat(300)]], { width: null })).toContain(
    'x'.repeat(300),
  );
});
