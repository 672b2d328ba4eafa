import { runContract } from '../../src/testing/run-contract.ts';
import { bareBox } from '../support/boxes.ts';
import { openRuns, WAYS } from '../support/run-ways.ts';

for (const way of WAYS) {
  runContract(`the host, ${way}`, async () => openRuns(way, await bareBox()));
}
