import { runContract } from '../src/testing/run-contract.ts';
import { podBox } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';
import { openRuns } from './support/run-ways.ts';

describeWith(['kubernetes'], 'kubernetes', () => {
  for (const way of ['queue', 'foreground'] as const) {
    runContract(`a pod, ${way}`, async () => openRuns(way, await podBox()));
  }
});
