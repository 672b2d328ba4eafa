import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { openDatabase } from '../../src/stores/driver.ts';
import { Berth, endOf, until } from '../support/berth.ts';

let berth: Berth;
beforeEach(() => {
  berth = new Berth();
});
afterEach(() => berth[Symbol.asyncDispose]());
const shown = (id: number) => berth.json(['show', String(id)]);
const proof = () => readFileSync(join(berth.home, 'proof'), { encoding: 'utf8', flag: 'a+' });
/** A command that goes on until the gate is there, and then leaves one line. */
const gated = () => `until [ -e ${join(berth.home, 'gate')} ]; do sleep 0.05; done; echo once >> proof`;
const openGate = () => writeFileSync(join(berth.home, 'gate'), '');

test('a run of before a restart of the machine is lost, and says so, although its process id is taken again', async () => {
  const pid = await berth.up();
  const { id } = await berth.json(['send', gated()]);
  await until('it runs', async () => (await shown(id)).state === 'running');
  process.kill(pid, 'SIGKILL');
  // what an earlier boot would have left: the ids of today's processes, with another boot id
  const own = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const other = own.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  const token = join(berth.home, 'runs', `${id}-1`, 'pid');
  writeFileSync(token, readFileSync(token, 'utf8').replaceAll(own, other));
  const database = openDatabase(join(berth.home, 'berth.db'), { readOnly: false });
  database.run('update workers set boot_id = :other', { other });
  database.close();

  await berth.up();
  expect((await berth.run(['wait', String(id)])).code).toBe(70);
  expect(await shown(id)).toMatchObject({
    outcome: 'lost',
    cause: expect.stringContaining('this machine was restarted meanwhile'),
  });
  openGate();
});

test('with hardly any files to open tasks wait, and each runs once', async () => {
  const lines = Array.from({ length: 40 }, (_, at) =>
    JSON.stringify({ command: `sleep 0.2; echo ${at} >> proof` }),
  );
  writeFileSync(join(berth.home, 'batch.jsonl'), lines.join('\n'));
  await berth.run(['send', '--batch', 'batch.jsonl']);
  const line = 'ulimit -n 32; exec "$0" "$@"';
  const worker = spawn(
    'bash',
    ['-c', line, process.execPath, inject('program'), 'worker', '--drain', '--slots', '40'],
    {
      cwd: berth.home,
      env: berth.env,
    },
  );

  expect((await endOf(worker)).stderr).toContain('"event":"start_delayed"');
  const numbers = proof().trim().split('\n').map(Number);
  expect(numbers.sort((a, b) => a - b)).toEqual(lines.map((_, at) => at));
  expect(
    (await berth.json(['list'])).every((task: { outcome: string }) => task.outcome === 'succeeded'),
  ).toBe(true);
});

/** A worker whose clock is set by a file: milliseconds to add to the real one. */
function workerWithClock(name: string): ChildProcess {
  const clock = join(berth.home, 'clock.cjs');
  const offset = join(berth.home, 'offset');
  writeFileSync(offset, '0', { flag: 'a' });
  writeFileSync(
    clock,
    `const { readFileSync } = require('node:fs');
     const real = Date.now.bind(Date);
     const RealDate = Date;
     const now = () => real() + Number(readFileSync(${JSON.stringify(offset)}, 'utf8'));
     globalThis.Date = class extends RealDate {
       constructor(...given) { given.length === 0 ? super(now()) : super(...given); }
       static now() { return now(); }
     };`,
  );
  const argv = ['--require', clock, inject('program'), 'worker', '--name', name, '--slots', '1'];
  return spawn(process.execPath, argv, { cwd: berth.home, env: berth.env, stdio: 'ignore' });
}

test('a clock that jumps ahead and back takes no task from a worker and ends none', async () => {
  const workers = ['one', 'two'].map(workerWithClock);
  const limits = ['--timeout', '30m', '--idle-timeout', '30m'];
  const { id } = await berth.json(['send', ...limits, `echo begun; ${gated()}`]);
  await until('it runs', async () => (await shown(id)).state === 'running');

  for (const hours of [2, -2]) {
    writeFileSync(join(berth.home, 'offset'), String(hours * 3_600_000));
    // both have looked after each other in the new time: a task for each, and its worker beside it
    const later = await Promise.all([1, 2, 3].map(() => berth.json(['send', 'echo later'])));
    const ids = later.map((task) => String(task.id));
    expect((await berth.run(['wait', ...ids])).code).toBe(0);
    expect(await shown(id)).toMatchObject({ state: 'running' });
  }
  openGate();

  expect((await berth.run(['wait', String(id)])).code).toBe(0);
  expect(proof()).toBe('once\n');
  expect((await shown(id)).attempts).toHaveLength(1);
  for (const worker of workers) {
    worker.kill();
    await new Promise((resolve) => worker.once('exit', resolve));
  }
});

test('after a sleep that outlasts every lease the workers go on with what they had', async () => {
  const names = ['one', 'two'];
  const workers = names.map((name) => berth.start(['worker', '--name', name, '--slots', '1']));
  const { id } = await berth.json(['send', gated()]);
  await until('it runs', async () => (await shown(id)).state === 'running');
  const database = openDatabase(join(berth.home, 'berth.db'), { readOnly: true });
  const leased = 'select 1 from workers where lease_until_ms > :nowMs';

  for (const worker of workers) worker.kill('SIGSTOP');
  await until('all leases have ended', () => !database.get(leased, { nowMs: Date.now() }), 120_000);
  for (const worker of workers) worker.kill('SIGCONT');
  const later = await Promise.all([1, 2, 3].map(() => berth.json(['send', 'echo later'])));
  expect((await berth.run(['wait', ...later.map((task) => String(task.id))])).code).toBe(0);
  expect(await shown(id)).toMatchObject({ state: 'running' });
  openGate();

  expect((await berth.run(['wait', String(id)])).code).toBe(0);
  expect(proof()).toBe('once\n');
  const kinds = database.all<{ kind: string }>('select kind from events where task_id = :id order by id', {
    id,
  });
  expect(kinds.map(({ kind }) => kind)).toEqual(['added', 'assigned', 'started', 'finished']);
  database.close();
  for (const worker of workers) {
    worker.kill();
    await endOf(worker);
  }
}, 240_000);
