import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { localHost } from '../../src/hosts/local.ts';
import { openSqliteStore } from '../../src/stores/sqlite.ts';
import { aTask } from '../../src/testing/store-fixture.ts';
import { Berth } from '../support/berth.ts';

test('a run that was killed before its place was on disk is lost if it had begun, and else did not start', async () => {
  await using berth = new Berth();
  // our own number, and the start of somebody before us: that process is dead
  const dead = { ...localHost().self, startTime: '1' };
  const store = await openSqliteStore({ directory: berth.home });
  const run = { host: 'local', worker: { name: 'run', host: 'local', ...dead } };
  const begun = await store.addRunning(aTask(), run);
  const waiting = await store.addRunning(aTask(), run);
  await store.close();
  const directory = join(berth.home, 'runs', begun.attempt.runDirectory);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'pid'), `run ${dead.pid} ${dead.startTime} ${dead.bootId}\n`);
  await berth.up();
  const shown = async (id: number) => {
    await berth.run(['wait', String(id)]);
    return berth.json(['show', String(id)]);
  };

  expect(await shown(begun.task.id)).toMatchObject({
    outcome: 'lost',
    cause: expect.stringContaining('killed before'),
  });
  expect(await shown(waiting.task.id)).toMatchObject({ outcome: 'not_started', error_code: 'INTERNAL' });
});
