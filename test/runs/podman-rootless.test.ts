import { beforeAll } from 'vitest';
import { runContract } from '../../src/testing/run-contract.ts';
import { imageBox, runningBox } from '../support/boxes.ts';
import { describeWith } from '../support/engines.ts';
import { rootlessUser, type User } from '../support/rootless.ts';
import { openRuns, WAYS } from '../support/run-ways.ts';

describeWith(['podman-rootless'], 'podman without root', () => {
  let user: User;
  beforeAll(() => {
    user = rootlessUser();
  });
  for (const way of WAYS) {
    runContract(`own container, ${way}`, async () => openRuns(way, await imageBox('podman', user)));
    runContract(`running container, ${way}`, async () => openRuns(way, await runningBox('podman', user)));
  }
});
