import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { localHost } from '../hosts/local.ts';
import { aRun, line } from '../testing/runs.ts';
import { headlessExecutor } from './headless.ts';

// a file system that tells of no change, as some network mounts do
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  watch: () => Object.assign(new EventEmitter(), { close: () => {} }),
}));

const runs = mkdtempSync(join(tmpdir(), 'berth-lost-events-'));
afterAll(() => rmSync(runs, { recursive: true }));

test('where every event is lost, the end of a run is known all the same', async () => {
  const run = aRun(line('sleep 0.3; exit 6'));
  await headlessExecutor(localHost(), runs).start(run);

  // another process's view, which learns of nothing but by looking
  const watched = headlessExecutor(localHost(), runs).watch(run.directory, new AbortController().signal);
  expect(await watched).toMatchObject({ report: { exitCode: 6 } });
});
