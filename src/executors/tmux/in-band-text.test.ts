import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBytes } from '../../core/command.ts';
import { cksum, readTerminal, uploadOf } from './in-band-text.ts';

const NONCE = '0123456789abcdef';

test('the checksum is that of cksum', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
      const { crc, length } = cksum(bytes);
      expect(`${crc} ${length}`).toBe(execFileSync('cksum', { input: bytes }).toString().trim());
    }),
    { numRuns: 30 },
  );
});

test('no line of an upload is long, or anything but printable ASCII, and only the last is the end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 5000 }), (bytes) => {
      const { bootstrap, lines } = uploadOf(NONCE, fromBytes(bytes));
      for (const line of [bootstrap, ...lines]) expect(line).toMatch(/^[\x20-\x7e]{1,1000}$/);
      expect(lines.indexOf('\\.')).toBe(lines.length - 1);
    }),
  );
});

test('printf turns an upload back into the very bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (bytes) => {
      const script = bytes.map((byte) => byte || 1);
      const { lines } = uploadOf(NONCE, fromBytes(script));
      const text = execFileSync('sh', ['-c', 'printf %b "$1"', 'sh', lines.slice(0, -1).join('')]);
      expect(text.includes(Buffer.concat([Buffer.from('\n'), script, Buffer.from('\n}\n')]))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test('the typed line has nothing that a shell’s single quotes would not keep', () => {
  const { bootstrap } = uploadOf(NONCE, 'true');

  expect(bootstrap.match(/'/g)).toHaveLength(2);
  expect(bootstrap).not.toMatch(/\\'|\\\\/);
});

test('words are found however the bytes are cut, and nothing else is taken for one', () => {
  const mark = (text: string, nonce = NONCE) => `\x1b]7373;${nonce};${text}\x07`;
  const noise = ['$ ', '\x1b[31m', mark('over', 'another'), `\\033]7373;${NONCE};over\\007`, mark('o;x;zz')];
  const raw = Buffer.from(
    [
      noise[0],
      mark('begun'),
      noise[1],
      mark('o;0;6869'),
      noise[2],
      mark('e;3;21ff'),
      ...noise,
      mark('over'),
    ].join(''),
    'latin1',
  );
  const expected = [
    { kind: 'begun' },
    { kind: 'output', stream: 'out', offset: 0, bytes: Buffer.from('hi') },
    { kind: 'output', stream: 'err', offset: 3, bytes: Buffer.from([0x21, 0xff]) },
    { kind: 'over' },
  ];
  fc.assert(
    fc.property(fc.array(fc.nat(raw.length)), (cuts) => {
      const ends = [...cuts.sort((a, b) => a - b), raw.length];
      let at = 0;
      const words = ends.flatMap((end) => {
        const got = readTerminal(raw.subarray(at, end), NONCE);
        at += got.read;
        return got.words;
      });
      expect(words).toEqual(expected);
    }),
  );
});
