import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { localHost } from '../hosts/local.ts';
import { until } from '../testing/run-tools.ts';
import { aRun, line } from '../testing/runs.ts';
import { headlessExecutor } from './headless.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-lost-events-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('where every event is lost, the end of a run is known all the same', async () => {
  const [runs, elsewhere] = [join(folder, 'runs'), join(folder, 'elsewhere')];
  const go = join(folder, 'go');
  const run = aRun(line(`while ! [ -e '${go}' ]; do sleep 0.05; done; exit 6`));
  const executor = headlessExecutor(localHost(), runs);
  await executor.start(run);
  await until(async () => (await executor.state(run.directory)) === 'running');
  linkAll(join(runs, run.directory), join(elsewhere, run.directory));
  const events: unknown[] = [];
  const watcher = watch(join(elsewhere, run.directory), (kind) => events.push(kind));

  // another process's view, which learns of nothing but by looking
  const watched = headlessExecutor(localHost(), elsewhere).watch(run.directory, new AbortController().signal);
  writeFileSync(go, '');
  expect(await watched).toMatchObject({ report: { exitCode: 6 } });
  watcher.close();
  expect(events).toEqual([]);
});

/** The same files under other names: the folder is told of no write that goes by the first ones. */
function linkAll(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) linkSync(join(from, name), join(to, name));
}
