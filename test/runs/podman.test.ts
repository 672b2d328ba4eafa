import { runContract } from '../../src/testing/run-contract.ts';
import { imageBox, runningBox } from '../support/boxes.ts';
import { describeWith } from '../support/engines.ts';
import { openRuns, WAYS } from '../support/run-ways.ts';

describeWith(['podman'], 'podman', () => {
  for (const way of WAYS) {
    runContract(`own container, ${way}`, async () => openRuns(way, await imageBox('podman')));
    runContract(`running container, ${way}`, async () => openRuns(way, await runningBox('podman')));
  }
});
