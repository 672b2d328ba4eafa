import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { localHost } from '../hosts/local.ts';
import { executorContract } from '../testing/executor-contract.ts';
import { aRun, line } from '../testing/runs.ts';
import { headlessExecutor } from './headless.ts';

executorContract('headless on the host', (runs) => ({
  executor: headlessExecutor(localHost(), runs),
  again: () => headlessExecutor(localHost(), runs),
}));

test('of two that start a run at once, none cuts short what the run of the other one reads', async () => {
  const runs = mkdtempSync(join(tmpdir(), 'berth-twice-'));
  const output: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [one, two] = [headlessExecutor(localHost(), runs), headlessExecutor(localHost(), runs)];
    const run = aRun(line('echo ran'));
    await Promise.all([one.start(run), two.start(run)]);
    await one.watch(run.directory, new AbortController().signal);
    output.push(readFileSync(join(runs, run.directory, 'out.log'), 'utf8'));
  }
  rmSync(runs, { recursive: true });

  expect(output).toEqual(new Array(ROUNDS).fill('ran\n'));
});

/** It went wrong once in a few hundred. */
const ROUNDS = 500;
