import { runContract } from '../../src/testing/run-contract.ts';
import { serviceBox } from '../support/boxes.ts';
import { describeWith } from '../support/engines.ts';
import { openRuns } from '../support/run-ways.ts';

describeWith(['docker', 'compose'], 'compose', () => {
  for (const way of ['queue', 'foreground'] as const) {
    runContract(`running service, ${way}`, async () => openRuns(way, await serviceBox()));
  }
});
