import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toBytes } from '../core/command.ts';
import type { RunSubject } from './run-contract.ts';
import { AWKWARD, showing, VARIABLES } from './run-samples.ts';
import { argv, line } from './runs.ts';

/** Points 1, 2, 6 and 11: what goes in and what comes out. */
export function arriving({ under, run }: RunSubject): void {
  test('1. arguments arrive byte for byte, also those that are not UTF-8', async () => {
    const { stdout, outcome } = await run({ payload: showing(AWKWARD) });

    expect(outcome).toEqual({ kind: 'succeeded' });
    expect(wordsOf(stdout)).toEqual(AWKWARD.map(bytes));
  });

  test('1. a thousand lists of any text arrive as they are', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((one) => !one.includes('\0'));
    const byte = fc.integer({ min: 0xdc80, max: 0xdcff }).map((code) => String.fromCharCode(code));
    const lists = fc.array(fc.oneof(text, byte), { minLength: 0, maxLength: 8 });
    const batches = fc.array(lists, { minLength: 500, maxLength: 500 });
    await fc.assert(
      fc.asyncProperty(batches, async (batch) => {
        const all = batch.flatMap((list) => [...list, 'end of list']);
        const { stdout } = await run({ payload: showing(all) });
        expect(wordsOf(stdout)).toEqual(all.map(bytes));
      }),
      { numRuns: 2, endOnFailure: true },
    );
  });

  test('1. variables and the directory arrive byte for byte', async () => {
    const show = Object.keys(VARIABLES).map((one) => `printf '%s\\0' "$${one}"`);
    const shown = line(['pwd | tr "\\n" "\\0"', ...show].join('; '));
    const { stdout } = await run({ payload: shown, dir: under().oddDirectory, env: VARIABLES });

    expect(wordsOf(stdout)).toEqual([under().oddDirectory, ...Object.values(VARIABLES)].map(bytes));
  });

  test('2. every byte passes, the streams stay apart, no newline is added', async () => {
    const all = Array.from({ length: 255 }, (_, index) => `\\0${(index + 1).toString(8)}`).join('');
    const { stdout, stderr } = await run({
      payload: line(`printf '%b' '${all}'; printf 'e\\r\\nnot the end' >&2; printf 'a\\nb'`),
    });

    const every = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));
    expect(stdout.equals(Buffer.concat([every, Buffer.from('a\nb')]))).toBe(true);
    expect(stderr.toString('latin1')).toBe('e\r\nnot the end');
  });

  test('2. more than any pipe holds arrives complete', async () => {
    const [much, some] = [32 * 1024 ** 2, 1024 ** 2];
    const { stdout, stderr, outcome } = await run({
      payload: line(`head -c ${much} /dev/zero; head -c ${some} /dev/zero >&2; exit 3`),
    });

    expect(outcome).toMatchObject({ kind: 'failed', exitCode: 3 });
    expect([stdout.equals(Buffer.alloc(much)), stderr.equals(Buffer.alloc(some))]).toEqual([true, true]);
  });

  test('6. a program that reads gets end of file at once', async () => {
    const { stdout, outcome } = await run({ payload: argv('cat') });

    expect({ stdout: stdout.toString(), outcome }).toEqual({ stdout: '', outcome: { kind: 'succeeded' } });
  });

  test('11. a line is the shell’s, a list is nobody’s', async () => {
    const shell = await run({ payload: line('echo "$((1 + 1))" | cat') });
    const list = await run({ payload: argv('echo', '$((1 + 1))', '|', 'cat') });

    expect([shell, list].map(({ outcome, stdout }) => [outcome, stdout.toString()])).toEqual([
      [{ kind: 'succeeded' }, '2\n'],
      [{ kind: 'succeeded' }, '$((1 + 1)) | cat\n'],
    ]);
  });
}

/** One character a byte, so that a difference can be read. */
function wordsOf(output: Buffer): readonly string[] {
  return output.toString('latin1').split('\0').slice(0, -1);
}

function bytes(text: string): string {
  return toBytes(text).toString('latin1');
}
