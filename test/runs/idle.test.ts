import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Berth, endOf } from '../support/berth.ts';

const CAUSE = 'No output came for longer than the idle limit.';

test('a run that falls silent for the idle limit ends as timed out, with the cause', async () => {
  await using berth = new Berth();
  const { code, stdout, stderr } = await berth.run(['run', '--idle-timeout', '2s', 'echo up; sleep 600']);

  expect({ code, stdout }).toEqual({ code: 124, stdout: 'up\n' });
  expect(stderr).toContain(CAUSE);
  expect(await berth.json(['show', '1'])).toMatchObject({ outcome: 'timed_out', cause: CAUSE });
});

test('so does a queued task', async () => {
  await using berth = new Berth();
  await berth.up();
  const { id } = await berth.json(['send', '--idle-timeout', '2s', 'echo up; sleep 600']);

  expect((await berth.run(['wait', String(id)])).code).toBe(124);
  expect(await berth.json(['show', String(id)])).toMatchObject({ outcome: 'timed_out', cause: CAUSE });
});

test('a run that goes on writing outlasts its idle limit, on either stream and with stdin', async () => {
  await using berth = new Berth();
  const line = 'read x; for n in 1 2 3 4; do echo $n; sleep 1; echo $n >&2; sleep 1; done; echo $x; exit 3';
  const child = berth.start(['run', '--stdin', '--idle-timeout', '6s', line]);
  child.stdin?.end('told\n');

  expect(await endOf(child)).toMatchObject({ code: 3, stdout: '1\n2\n3\n4\ntold\n' });
});

test('a reader that keeps a run waiting for longer than the limit is no silence', async () => {
  await using berth = new Berth();
  const child = berth.start(['run', '--idle-timeout', '6s', 'head -c 5000000 /dev/zero']);
  const ended = endOf(child);
  child.stdout?.pause();
  await delay(9000);
  child.stdout?.resume();

  const { code, stdout } = await ended;
  expect([code, stdout.length]).toEqual([0, 5_000_000]);
});
