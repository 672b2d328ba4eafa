import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { VERBS } from '../src/cli/verbs.ts';
import { openSqliteStore } from '../src/stores/sqlite.ts';
import { berthInProcess, type CliOptions } from './support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-commands-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('send prints the id and nothing else, and the task is stored as it was typed', async () => {
  const berth = freshBerth();

  const sent = await berth(['send', 'echo "a  b"', '--priority', '7', '--timeout', '90s']);

  expect(sent).toEqual({ code: 0, stdout: '1\n', stderr: '' });
  const shown = JSON.parse((await berth(['show', '1', '--json'])).stdout);
  expect(shown).toMatchObject({ id: 1, kind: 'line', content: 'echo "a  b"', state: 'pending', priority: 7 });
  expect(shown.queue.timeoutMs).toBe(90_000);
});

test('show has every key that others may rely on', async () => {
  const berth = freshBerth();
  await berth(['send', 'true']);

  const shown = JSON.parse((await berth(['show', '1', '--json'])).stdout);

  for (const key of (
    'id kind content state outcome exit_code signal oom cause priority session host context attempts ' +
    'created_at assigned_at started_at finished_at log warnings'
  ).split(' ')) {
    expect(shown, key).toHaveProperty(key);
  }
  expect(shown.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('the same key and task give the same id, another task is refused', async () => {
  const berth = freshBerth();
  const argv = ['send', 'true', '--key', 'nightly', '--env', 'API_TOKEN=s3cret', '--json'];

  expect(JSON.parse((await berth(argv)).stdout)).toEqual({ id: 1, created: true });
  expect(JSON.parse((await berth(argv)).stdout)).toEqual({ id: 1, created: false });
  const other = await berth(['send', 'false', '--key', 'nightly']);
  expect(other.code).toBe(77);
  expect(other.stderr).toContain('berth: KEY_CONFLICT: ');
});

test('a refused task leaves no secret behind', async () => {
  const berth = freshBerth();
  await berth(['send', 'true', '--key', 'nightly', '--env', 'API_TOKEN=one']);
  const before = secretsIn(berth.home);

  await berth(['send', 'true', '--key', 'nightly', '--env', 'API_TOKEN=two']);

  expect(secretsIn(berth.home)).toEqual(before);
});

test('a secret value is in a private file and nowhere in the database', async () => {
  const berth = freshBerth();

  await berth(['send', 'true', '--env', 'GITHUB_TOKEN=hunter2hunter2', '--env', 'PLAIN=visible']);

  const [file = ''] = secretsIn(berth.home);
  const path = join(berth.home, 'secrets', file);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ GITHUB_TOKEN: 'hunter2hunter2' });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const stored = readdirSync(berth.home).filter((name) => name.startsWith('berth.db'));
  const database = stored.map((name) => readFileSync(join(berth.home, name), 'latin1')).join('');
  expect(database).toContain('visible');
  expect(database).not.toContain('hunter2');
});

test('clear removes finished tasks with their secrets, and keeps those that wait', async () => {
  const berth = freshBerth();
  await berth(['send', 'true', '--env', 'A_TOKEN=1']);
  await berth(['send', 'true', '--env', 'B_TOKEN=2']);
  await berth(['cancel', '1']);

  const cleared = await berth(['clear', '--days', '0', '--json']);

  expect(JSON.parse(cleared.stdout)).toEqual({ days: 0, tasks: 1 });
  expect(secretsIn(berth.home)).toHaveLength(1);
  expect((await berth(['show', '1'])).code).toBe(1);
  expect((await berth(['show', '2'])).code).toBe(0);
});

test('cancel of a task that waits ends it at once, and a second time changes nothing', async () => {
  const berth = freshBerth();
  await berth(['send', 'true']);

  expect((await berth(['cancel', '1'])).stdout).toBe('Task 1 is cancelled; it had not started.\n');
  expect((await berth(['cancel', '1'])).stdout).toBe('Task 1 had already finished. See `berth show 1`.\n');
  expect((await berth(['wait', '1'])).code).toBe(130);
});

test('one unknown id among several stops none of them', async () => {
  const berth = freshBerth();
  await berth(['send', 'true']);

  const cancelled = await berth(['cancel', '1', '99']);

  expect(cancelled).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no task 99.') });
  expect(JSON.parse((await berth(['show', '1', '--json'])).stdout).state).toBe('pending');
});

test('retry queues a finished task again, and refuses one that has not ended', async () => {
  const berth = freshBerth();
  await berth(['send', 'true']);

  expect((await berth(['retry', '1'])).code).toBe(1);
  await berth(['cancel', '1']);
  expect((await berth(['retry', '1'])).code).toBe(0);
  expect(JSON.parse((await berth(['show', '1', '--json'])).stdout).state).toBe('pending');
  expect((await berth(['retry', '--failed'])).stderr).toContain(
    'berth: NOTHING_MATCHED: No task has failed.',
  );
});

test('wait gives up after its time, and the task goes on', async () => {
  const berth = freshBerth();
  await berth(['send', 'true']);

  const waited = await berth(['wait', '1', '--timeout', '20ms'], { nowMs: undefined });

  expect(waited).toMatchObject({ code: 75, stderr: expect.stringContaining('berth: TRY_AGAIN: ') });
});

test('why names what a task waits for: time, another task, a worker', async () => {
  const berth = freshBerth();
  await berth(['send', 'true', '--delay', '1h']);
  await berth(['send', 'true', '--after', '1']);
  await berth(['send', 'true']);

  const codes = async (id: string) =>
    JSON.parse((await berth(['why', id, '--json'])).stdout).reasons.map(({ code }: { code: string }) => code);

  expect(await codes('1')).toEqual(['NOT_YET']);
  expect(await codes('2')).toEqual(['WAITS_FOR_TASK']);
  expect(await codes('3')).toEqual(['NO_WORKER']);
});

test('why names what holds a task back: the queue, its group, a group that is full', async () => {
  const berth = freshBerth();
  await berth(['send', 'true', '--group', 'gpu']);
  const codes = async () =>
    JSON.parse((await berth(['why', '1', '--json'])).stdout).reasons.map(
      ({ code }: { code: string }) => code,
    );

  await berth(['group', 'set', 'gpu', '--limit', '0']);
  expect(await codes()).toEqual(['GROUP_FULL']);
  await berth(['pause', '--group', 'gpu']);
  expect(await codes()).toEqual(['GROUP_PAUSED']);
  await berth(['pause']);
  expect(await codes()).toEqual(['QUEUE_PAUSED', 'GROUP_PAUSED']);
  await berth(['resume']);
  await berth(['resume', '--group', 'gpu']);
  await berth(['group', 'set', 'gpu', '--no-limit']);
  expect(await codes()).toEqual(['NO_WORKER']);
});

test('the list fits the terminal, newest first', async () => {
  const berth = freshBerth();
  await berth(['send', 'echo first']);
  await berth(['send', `printf '%s\n' ${'x'.repeat(100)}`]);
  await berth(['cancel', '1']);

  const { stdout } = await berth(['list'], { columns: 60, env: { NO_COLOR: '1' } });

  expect(stdout.replace(/pending +\S+/, 'pending    0.0s')).toMatchSnapshot();
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
});

test('the list as JSON has the names of the table tasks', async () => {
  const berth = freshBerth();
  await berth(['send', 'true']);

  const [row] = JSON.parse((await berth(['list', '--json'])).stdout);

  const store = await openSqliteStore({ directory: berth.home });
  await store.close();
  const migration = readFileSync(
    join(import.meta.dirname, '../migrations/sqlite/0001_create_the_queue.sql'),
    'utf8',
  );
  const table = /create table tasks \(([\s\S]*?)\n\) strict;/.exec(migration)?.[1] ?? '';
  for (const name of Object.keys(row)) expect(table, name).toMatch(new RegExp(`^  ${name} `, 'm'));
});

test('a colour is printed on a terminal only, and NO_COLOR is honoured', async () => {
  const berth = freshBerth();
  await berth(['send', 'true']);

  expect((await berth(['list'], { columns: 80 })).stdout).toContain('\u001b[');
  expect((await berth(['list'], { columns: 80, env: { NO_COLOR: '1' } })).stdout).not.toContain('\u001b[');
  expect((await berth(['list'])).stdout).not.toContain('\u001b[');
});

test('looking makes no state folder', async () => {
  const berth = freshBerth();

  for (const argv of [['--help'], ['send', '--help'], ['completion', 'bash'], ['__complete', 'show', '']]) {
    await berth(argv);
  }

  expect(existsSync(berth.home)).toBe(false);
});

test.each(Object.keys(VERBS))('the help of %s has a usage, its options and two examples', async (verb) => {
  const { code, stdout } = await freshBerth()([verb, '--help'], { columns: 100 });

  expect(code).toBe(0);
  expect(stdout).toMatchSnapshot();
  expect(stdout.split('Examples:\n')[1]?.match(/^ {2}\S/gm)).toHaveLength(2);
  expect(stdout).toContain('--json');
});

test('berth alone shows every verb', async () => {
  const { code, stdout } = await freshBerth()([]);

  expect(code).toBe(0);
  expect(stdout).toMatchSnapshot();
});

/** A command line over a state folder of its own that does not exist yet. */
function freshBerth() {
  const cwd = mkdtempSync(join(folder, 'case-'));
  const home = join(cwd, 'state');
  const berth = (argv: readonly string[], options: Partial<CliOptions> = {}) =>
    berthInProcess(argv, { home, cwd, ...options });
  return Object.assign(berth, { home });
}

function secretsIn(home: string): readonly string[] {
  return readdirSync(join(home, 'secrets')).filter((name) => name !== 'key');
}
