import { describe } from 'vitest';
import { runContract } from '../src/testing/run-contract.ts';
import { podBox } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';
import { openRuns } from './support/run-ways.ts';

describeWith(['kubernetes'], 'kubernetes', () => {
  runContract('a pod, queue', async () => openRuns('queue', await podBox()));
  // a run that hangs on its connection is lost when its end mark is: seen on a busy machine, behind 100 MiB
  describe('with patience', { retry: 2 }, () => {
    runContract('a pod, foreground', async () => openRuns('foreground', await podBox()));
  });
});
