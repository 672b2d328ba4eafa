import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { getSessionContext, updateSessionContext } from '../src/index.ts';
import { Berth, endOf, until } from './support/berth.ts';
import { type Box, call, imageBox, runningBox, serviceBox } from './support/boxes.ts';
import { describeWith } from './support/engines.ts';

// a busy machine takes its time for containers and processes
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

async function slot(berth: Berth, number = 1) {
  const rows = await berth.json(['sessions']);
  return rows.find(({ name }: { name: string }) => name === `local/slot-${number}`);
}

/** Wait until a slot's row holds these columns. */
async function rowSays(berth: Berth, columns: Readonly<Record<string, unknown>>, number = 1): Promise<void> {
  let row: Readonly<Record<string, unknown>> = {};
  const holds = () =>
    Object.entries(columns).every(([name, value]) => JSON.stringify(row[name]) === JSON.stringify(value));
  await until(
    `the session says ${JSON.stringify(columns)}`,
    async () => {
      row = await slot(berth, number);
      return holds();
    },
    60_000,
  ).catch((error) => {
    throw new Error(`${error.message} It says ${JSON.stringify(row)}.`);
  });
}

async function runIn(berth: Berth, box: Box): Promise<void> {
  const { id } = await berth.json(['send', ...box.options, '--', 'true']);
  await berth.run(['wait', String(id)]);
  expect(await berth.json(['show', String(id)])).toMatchObject({ outcome: 'succeeded' });
}

/** Programs that listen to an engine for this queue. */
function listeners(berth: Berth): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const isListener = /^(docker|podman)$/.test(argv[0]?.split('/').at(-1) ?? '') && argv[1] === 'events';
      return isListener && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(berth.home);
    } catch {
      return false;
    }
  });
}

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], `what a session says of its container of ${engine}`, () => {
    test('follows the container, while no task runs and nobody asks', async () => {
      const box = await runningBox(engine);
      const id = box.container?.id ?? '';
      await using berth = new Berth();
      await berth.up('--slots', '1');
      await runIn(berth, box);
      await rowSays(berth, { container_id: id, container_state: 'running', container_type: engine });
      await until('the worker listens', () => listeners(berth).length > 0);
      await call(engine, 'pause', id);
      await rowSays(berth, { container_id: id, container_state: 'paused' });
      await call(engine, 'unpause', id);
      await rowSays(berth, { container_id: id, container_state: 'running' });
      await call(engine, 'stop', '-t', '1', id);
      await rowSays(berth, { container_id: id, container_state: 'exited' });
      await call(engine, 'start', id);
      await rowSays(berth, { container_id: id, container_state: 'running' });
      await box.close();
      await rowSays(berth, { container_id: null, container_state: 'gone', container_type: engine });
    });

    test('is true again after a worker’s start, when the container went meanwhile', async () => {
      const box = await runningBox(engine);
      await using berth = new Berth();
      await berth.up('--slots', '1');
      await runIn(berth, box);
      await berth.run(['down']);
      await box.close();
      expect(await slot(berth)).toMatchObject({
        container_id: box.container?.id,
        container_state: 'running',
      });
      await berth.up('--slots', '1');

      await rowSays(berth, { container_id: null, container_state: 'gone' });
    });

    test('is gone with the container of a task, and then nothing listens', async () => {
      const box = await imageBox(engine);
      await using berth = new Berth();
      await berth.up('--slots', '1');
      await runIn(berth, box);

      await rowSays(berth, { container_id: null, container_state: 'gone' });
      await until('nothing listens', () => listeners(berth).length === 0);
      expect((await slot(berth)).container_image).toBe(box.container?.image);
      await box.close();
    });

    test('keeps no worker from ending, and no listener after a killed one', async () => {
      const box = await runningBox(engine);
      await using berth = new Berth();
      const pid = await berth.up('--slots', '1');
      await runIn(berth, box);
      await until('the worker listens', () => listeners(berth).length > 0);
      process.kill(pid, 'SIGKILL');
      await until('nothing listens', () => listeners(berth).length === 0);
      const { id } = await berth.json(['send', ...box.options, '--', 'sleep', '1']);
      const draining = await endOf(berth.start(['worker', '--drain', '--slots', '1']));

      expect(draining.code).toBe(0);
      expect(await berth.json(['show', String(id)])).toMatchObject({ outcome: 'succeeded' });
      await until('nothing listens', () => listeners(berth).length === 0);
      await box.close();
    });
  });
}

describeWith(['docker', 'compose'], 'what a session says of its service', () => {
  test('is the container that the service has now, while no task runs', async () => {
    const service = await serviceBox();
    const compose = (...args: string[]) =>
      call('docker', 'compose', '--file', join(service.project, 'compose.yaml'), ...args);
    const up = ['up', '--detach', '--pull=never'];
    const webId = () => compose('ps', '--quiet', '--no-trunc', 'web');
    await using berth = new Berth();
    await berth.up('--slots', '1');
    await runIn(berth, service);
    const first = await webId();
    await rowSays(berth, { container_id: first, container_state: 'running', container_service: 'web' });
    await compose(...up, '--force-recreate', 'web');
    const second = await webId();
    await rowSays(berth, { container_id: second, container_state: 'running' });
    await compose('down', '--timeout=0');
    await rowSays(berth, { container_id: null, container_state: 'gone', container_service: 'web' });
    await compose(...up, 'web');
    await rowSays(berth, { container_id: await webId(), container_state: 'running' });
    await service.close();

    expect(second).not.toBe(first);
  });

  test('is never the container of another directory whose project has the same name', async () => {
    const mine = await serviceBox();
    const theirs = await serviceBox();
    const project = mine.container?.project ?? '';
    const compose = (box: Box, ...args: string[]) =>
      call(
        'docker',
        'compose',
        '--project-name',
        project,
        '--file',
        join(box.project, 'compose.yaml'),
        ...args,
      );
    const other = await runningBox('docker');
    await using berth = new Berth();
    await berth.up('--slots', '2');
    await runIn(berth, mine);
    await runIn(berth, other);
    await rowSays(berth, { container_id: other.container?.id }, 2);
    await compose(mine, 'down', '--timeout=0');
    await compose(theirs, 'up', '--detach', '--pull=never', 'web');
    // events come in order: once this one was heard, so were those before
    await call('docker', 'pause', other.container?.id ?? '');
    await rowSays(berth, { container_state: 'paused' }, 2);

    expect(await slot(berth)).toMatchObject({ container_id: null, container_state: 'gone' });
    await compose(theirs, 'down', '--timeout=0');
    await other.close();
    await mine.close();
    await theirs.close();
  });
});

describeWith(['docker'], 'what a person wrote of a session’s container', () => {
  test('is left as it is, unless it is an id that an engine can be asked about', async () => {
    await using berth = new Berth();
    process.env.BERTH_HOME = berth.home;
    await berth.up('--slots', '2');
    const facts = { containerType: 'docker', containerImage: 'myapp:latest' } as const;
    const noId = 'f'.repeat(64);
    await updateSessionContext('local/slot-1', { ...facts, containerId: 'web-1' });
    await updateSessionContext('local/slot-2', { ...facts, containerId: noId });
    const found = async () => (await getSessionContext('local/slot-2'))?.containerState === 'gone';
    await until('the worker has asked', found, 60_000);

    expect(await getSessionContext('local/slot-1')).toMatchObject({
      ...facts,
      containerId: 'web-1',
      containerState: null,
    });
    expect(await getSessionContext('local/slot-2')).toMatchObject({ ...facts, containerId: null });
    expect(await getSessionContext('nobody')).toBeNull();
    expect(await updateSessionContext('nobody', facts)).toBe(false);
  });
});
