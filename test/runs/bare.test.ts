import { runContract } from '../../src/testing/run-contract.ts';
import { bareBox } from '../support/boxes.ts';
import { openRuns } from '../support/run-ways.ts';

for (const way of ['queue', 'foreground'] as const) {
  runContract(`the host, ${way}`, async () => openRuns(way, await bareBox()));
}
