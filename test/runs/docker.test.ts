import { runContract } from '../../src/testing/run-contract.ts';
import { imageBox, runningBox } from '../support/boxes.ts';
import { describeWith } from '../support/engines.ts';
import { openRuns, WAYS } from '../support/run-ways.ts';

describeWith(['docker'], 'docker', () => {
  for (const way of WAYS) {
    runContract(`own container, ${way}`, async () => openRuns(way, await imageBox('docker')));
    runContract(`running container, ${way}`, async () => openRuns(way, await runningBox('docker')));
  }
});
