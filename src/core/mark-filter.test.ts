import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MarkFilter } from './mark-filter.ts';

const NONCE = 'abc';
const MARK = `\x1eberth ${NONCE} exit 0\n`;

test('a line passes as soon as it is there, with its newline', () => {
  const filter = new MarkFilter(NONCE);

  expect(filter.pass(Buffer.from('listening on 3000\n')).toString()).toBe('listening on 3000\n');
  expect(filter.rest.toString()).toBe('');
});

test('whatever the pieces, all of the task’s bytes pass, and the words behind them are kept back', () => {
  const task = fc
    .array(fc.constantFrom('\n', '\x1e', '\x1eberth ', `\x1eberth ${NONCE}x `, 'text'))
    .map((all) => all.join(''));
  const cuts = fc.array(fc.nat(60));
  fc.assert(
    fc.property(task, cuts, fc.boolean(), (text, lengths, isMarked) => {
      const filter = new MarkFilter(NONCE);
      const passed = piecesOf(text + (isMarked ? MARK : ''), lengths).map((piece) => filter.pass(piece));
      if (!filter.ended) passed.push(filter.rest);

      expect(Buffer.concat(passed).toString()).toBe(text);
      expect(filter.ended ? filter.rest.toString() : '').toBe(isMarked ? MARK : '');
    }),
  );
});

function piecesOf(text: string, lengths: readonly number[]): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let left = Buffer.from(text);
  for (const length of lengths) {
    pieces.push(left.subarray(0, length));
    left = left.subarray(length);
  }
  return [...pieces, left];
}
