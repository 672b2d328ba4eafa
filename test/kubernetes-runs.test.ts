import { runContract } from '../src/testing/run-contract.ts';
import { podBox } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';
import { openRuns } from './support/run-ways.ts';

describeWith(['kubernetes'], 'kubernetes', () => {
  runContract('a pod, queue', async () => openRuns('queue', await podBox()));
  runContract('a pod, foreground', async () => openRuns('foreground', await podBox()));
});
