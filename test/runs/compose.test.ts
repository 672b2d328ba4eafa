import { runContract } from '../../src/testing/run-contract.ts';
import { serviceBox } from '../support/boxes.ts';
import { describeWith } from '../support/engines.ts';
import { openRuns, WAYS } from '../support/run-ways.ts';

describeWith(['docker', 'compose'], 'compose', () => {
  for (const way of WAYS) {
    runContract(`running service, ${way}`, async () => openRuns(way, await serviceBox()));
  }
});
