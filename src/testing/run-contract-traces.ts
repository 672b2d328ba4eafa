import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { RunSubject } from './run-contract.ts';
import { line } from './runs.ts';

/** Points 7 and 8: what a run leaves behind. */
export function traces({ under, run }: RunSubject): void {
  test('7. what it writes into the project belongs to the caller', async ({ skip }) => {
    const name = `made-${randomBytes(4).toString('hex')}`;
    const { outcome } = await run({ payload: line(`mkdir ${name} && touch ${name}/file`) });

    expect(outcome.kind).toBe('succeeded');
    const owner = await under().ownerOf(`${name}/file`);
    skip(owner === null, 'the container was there, and its user with it');
    expect(owner).toEqual(under().caller);
  });

  test('8. nothing of berth’s is left, and what was there before is as it was', async () => {
    await run({ payload: line('true') });

    expect(await under().leftContainers()).toEqual([]);
    expect(await under().foreignIsUntouched()).toBe(true);
  });
}
