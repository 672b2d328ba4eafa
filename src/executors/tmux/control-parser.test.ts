import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ControlParser, commandLine, decodeOutput, splitNotifications } from './control-parser.ts';

const feed = (text: string) => new ControlParser().feed(Buffer.from(text));

describe('control mode', () => {
  test('a compound command is answered by a block for each of its commands', () => {
    const events = feed('%begin 9 4 1\n%end 9 4 1\n%begin 9 5 1\nno such thing\n%error 9 5 1\n');

    expect(events).toEqual([
      { kind: 'reply', number: 4, mine: true, ok: true, lines: [] },
      { kind: 'reply', number: 5, mine: true, ok: false, lines: ['no such thing'] },
    ]);
  });

  test('what a pane printed never ends a block', () => {
    const events = feed('%begin 9 4 1\n%end 1 2 1\n%begin 9 4 1\n%error 9 5 1\n%end 9 4 1\n');

    expect(events).toEqual([
      {
        kind: 'reply',
        number: 4,
        mine: true,
        ok: true,
        lines: ['%end 1 2 1', '%begin 9 4 1', '%error 9 5 1'],
      },
    ]);
  });

  test('a block of another client is not mine', () => {
    expect(feed('%begin 9 4 0\n%end 9 4 0\n')).toMatchObject([{ mine: false }]);
  });

  test('a notification inside a block is told apart from a list of panes', () => {
    const { own, strays } = splitNotifications(['%7 120 0', '%session-renamed $1 x', '%exit', '100%']);

    expect(own).toEqual(['%7 120 0', '100%']);
    expect(strays).toEqual([
      { kind: 'notification', name: 'session-renamed', text: '$1 x' },
      { kind: 'notification', name: 'exit', text: '' },
    ]);
  });

  test('output is decoded byte for byte', () => {
    expect(feed('%output %3 a\\015\\012\\134\\303\\251\\377\n')).toEqual([
      { kind: 'output', pane: '%3', bytes: Buffer.from([0x61, 13, 10, 0x5c, 0xc3, 0xa9, 0xff]) },
    ]);
    expect(feed('%extended-output %3 120 : a : b\n')).toEqual([
      { kind: 'output', pane: '%3', bytes: Buffer.from('a : b') },
    ]);
    expect(decodeOutput('é'.split('').map(() => '\\303\\251')[0] ?? '').toString()).toBe('é');
  });

  test('it does not matter where the bytes are cut', () => {
    const text = '%begin 9 4 1\nü\n%end 9 4 1\n%output %1 \\303\\251x\n%exit\n';
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 6 }), (cuts) => {
        const bytes = Buffer.from(text);
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const parser = new ControlParser();
        const events = at.slice(1).flatMap((end, index) => parser.feed(bytes.subarray(at[index], end)));
        expect(events).toEqual(feed(text));
      }),
    );
  });

  test('a command is always one line', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (words) => {
        const usable = words.filter((word) => !word.includes('\0'));
        expect(commandLine(usable).toString('latin1').match(/\n/g)).toHaveLength(1);
      }),
    );
    expect(() => commandLine(['a\0b'])).toThrow('NUL');
  });
});
