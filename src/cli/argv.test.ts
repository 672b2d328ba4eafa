import { expect, test } from 'vitest';
import { toBytes } from '../core/command.ts';
import { restoreBytes } from './argv.ts';

test('bytes that are not UTF-8 are taken from the command line of the process', () => {
  const cmdline = Buffer.concat([Buffer.from('node\0berth.js\0send\0'), Buffer.from([0x61, 0xff, 0x62, 0])]);

  const [verb, word = ''] = restoreBytes(['send', 'a\ufffdb'], cmdline);

  expect(verb).toBe('send');
  expect([...toBytes(word)]).toEqual([0x61, 0xff, 0x62]);
});

test('empty words keep their place', () => {
  expect(restoreBytes(['', 'x', ''], Buffer.from('node\0\0x\0\0'))).toEqual(['', 'x', '']);
});

test('a command line of another process is not believed', () => {
  expect(restoreBytes(['a\ufffd'], Buffer.from('node\0something\0'))).toEqual(['a\ufffd']);
});
