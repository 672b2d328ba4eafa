import { expect, test } from 'vitest';
import type { RunSubject, RunWish } from './run-contract.ts';
import { CODES, SIGNALS } from './run-samples.ts';
import { inTurns } from './run-tools.ts';
import { argv, line } from './runs.ts';

/** As many as a small machine starts at once without trouble. */
const AT_ONCE = 4;

/** Point 3: how a run ended, in the program's own words. */
export function ends({ under, run }: RunSubject): void {
  test('3. every exit code is the program’s own', async () => {
    // it travels in the supervisor's words, which no engine reads: all of them where a run costs no client
    const all = under().size === 'full' && !under().hasClient;
    const codes = all ? Array.from({ length: 256 }, (_, code) => code) : CODES;
    const outcomes = await inTurns(codes, AT_ONCE, async (code) => {
      const { outcome } = await run({ payload: line(`exit ${code}`) });
      return outcome;
    });

    expect(outcomes).toMatchObject(
      codes.map((code) => (code === 0 ? { kind: 'succeeded' } : { kind: 'failed', exitCode: code })),
    );
  }, 300_000);

  test('3. a program that ended by a signal says which, and its code is 128 and the number', async () => {
    const full = under().size === 'full' && under().way === 'queue';
    const names = full ? Object.keys(SIGNALS) : ['TERM', 'KILL', 'SEGV'];
    const outcomes = await inTurns(names, AT_ONCE, async (name) => {
      const { outcome } = await run({ payload: line(`kill -${SIGNALS[name]} $$`) });
      return outcome;
    });

    expect(outcomes).toMatchObject(
      names.map((name) => ({
        kind: 'failed',
        exitCode: 128 + (SIGNALS[name] ?? 0),
        signal: `SIG${name}`,
        cause: expect.stringContaining(`SIG${name}`),
      })),
    );
  });

  test.each<[string, RunWish, string]>([
    ['a program', { payload: argv('no-such-program', 'x') }, 'PROGRAM_NOT_FOUND'],
    ['a file that may be executed', { payload: argv('/etc') }, 'PROGRAM_NOT_EXECUTABLE'],
    ['a directory', { payload: line('true'), dir: '/no/such/directory' }, 'DIRECTORY_NOT_FOUND'],
    [
      'a prerequisite that succeeds',
      { payload: line('true'), prereqs: ['true', 'exit 4'] },
      'PREREQUISITE_FAILED',
    ],
  ])('3. without %s nothing starts, and the code says which', async (_, wish, code) => {
    expect((await run(wish)).outcome).toMatchObject({ kind: 'not_started', code });
  });

  test('3. an unknown user is told from a program that failed', async ({ skip }) => {
    skip(!under().hasUsers, 'without a box berth chooses no user');
    const { outcome } = await run({ payload: line('true'), user: 'nobody-of-that-name' });

    expect(outcome).toMatchObject({ kind: 'not_started', code: 'USER_NOT_FOUND' });
  });
}
