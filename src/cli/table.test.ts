import { expect, test } from 'vitest';
import { table } from './table.ts';

test('wide characters take two columns', async () => {
  const rows = [
    ['日本', 'x'],
    ['e\u0301', 'y'],
  ];
  const text = await table([{ title: 'A' }, { title: 'B' }], rows, { width: null });
  expect(text.split('\n')).toEqual(['A     B', '日本  x', 'e\u0301     y']);
});

test('the flexible column gives way so that a table fits the terminal', async () => {
  const columns = [
    { title: 'ID', align: 'right' },
    { title: 'COMMAND', flexible: true },
    { title: 'LAST' },
  ] as const;
  const rows = [
    ['7', 'a command that is much longer than the terminal is wide', 'x'],
    ['12', 'short', 'yy'],
  ];

  expect(await table(columns, rows, { width: 30 })).toBe(
    ['ID  COMMAND               LAST', ' 7  a command that is m…  x', '12  short                 yy'].join(
      '\n',
    ),
  );
});

test('without a terminal nothing is cut', async () => {
  expect(await table([{ title: 'C', flexible: true }], [['x'.repeat(300)]], { width: null })).toContain(
    'x'.repeat(300),
  );
});
