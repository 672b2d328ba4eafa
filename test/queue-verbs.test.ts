import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { berthInProcess } from './support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-queue-verbs-'));
afterAll(() => rmSync(folder, { recursive: true }));

function freshBerth() {
  const home = mkdtempSync(join(folder, 'home-'));
  return (argv: readonly string[]) => berthInProcess(argv, { home, cwd: folder });
}

function aFile(...lines: readonly (object | string)[]): string {
  const path = join(mkdtempSync(join(folder, 'file-')), 'batch.jsonl');
  writeFileSync(
    path,
    lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''),
  );
  return path;
}

test('a batch is queued in order, each line with its own options', async () => {
  const berth = freshBerth();
  const path = aFile(
    { command: 'npm test', priority: 7, env: ['A=1', 'B=-x'] },
    { command: ['make', '-j4', '--always-make'], 'on-lost': 'retry', group: 'g' },
  );

  expect(await berth(['send', '--batch', path])).toEqual({ code: 0, stdout: '1\n2\n', stderr: '' });
  const first = JSON.parse((await berth(['show', '1', '--json'])).stdout);
  expect(first).toMatchObject({ kind: 'line', content: 'npm test', priority: 7 });
  const second = JSON.parse((await berth(['show', '2', '--json'])).stdout);
  expect(second).toMatchObject({ kind: 'argv', queue: { onLost: 'retry', group: 'g' } });
});

test.each([
  ['{"command": "true"', 'Line 2: It is no JSON.'],
  ['["true"]', 'Line 2: It is no JSON object.'],
  [{ priority: 3 }, 'Line 2: It has no "command"'],
  [{ command: 'true', priority: 11 }, 'Line 2: --priority "11"'],
  [{ command: 'true', prioritty: 1 }, 'Line 2: berth send has no option --prioritty'],
  [{ command: 'true', after: [99] }, 'There is no task 99'],
  [{ command: [] }, 'Line 2: '],
])('one bad line of a batch is named, and nothing is queued: %j', async (line, words) => {
  const berth = freshBerth();

  const { code, stdout, stderr } = await berth(['send', '--batch', aFile({ command: 'good' }, line)]);

  expect(code).toBeGreaterThan(0);
  expect(stdout).toBe('');
  expect(stderr).toContain(words);
  expect(JSON.parse((await berth(['status', '--json'])).stdout).tasks.pending).toBe(0);
});

test('a group gets a limit and loses it again', async () => {
  const berth = freshBerth();

  expect((await berth(['group', 'set', 'gpu', '--limit', '2'])).code).toBe(0);
  expect(JSON.parse((await berth(['group', 'list', '--json'])).stdout)).toMatchObject([
    { name: 'gpu', maxRunning: 2 },
  ]);
  await berth(['group', 'set', 'gpu', '--no-limit']);
  expect(JSON.parse((await berth(['group', 'list', '--json'])).stdout)).toEqual([]);
  expect((await berth(['group', 'set', 'gpu'])).code).toBe(64);
  expect((await berth(['group', 'set', 'gpu', '--limit', '-1'])).code).toBe(64);
});

test('pause and resume say what they did, and that it was so already', async () => {
  const berth = freshBerth();

  expect((await berth(['pause'])).stdout).toBe('The queue is paused.\n');
  expect((await berth(['pause'])).stdout).toBe('The queue was paused already.\n');
  expect((await berth(['resume'])).stdout).toBe('The queue goes on.\n');
  expect((await berth(['resume', '--group', 'gpu'])).stdout).toBe('Group gpu was not paused.\n');
  expect((await berth(['pause', '--group', 'a', '--session', 'b'])).code).toBe(64);
});

test('a waiting task is reassigned; an unknown one is named', async () => {
  const berth = freshBerth();
  await berth(['send', 'true']);

  expect((await berth(['reassign', '1', '--to', 'build'])).stdout).toBe('Task 1 waits for session build.\n');
  expect(JSON.parse((await berth(['show', '1', '--json'])).stdout).queue.target).toBe('build');
  expect((await berth(['reassign', '9', '--any'])).stderr).toContain('TASK_NOT_FOUND');
  expect((await berth(['reassign', '1'])).code).toBe(64);
});

test('what was exported can be imported into an empty queue, and only there', async () => {
  const berth = freshBerth();
  await berth(['send', 'first', '--key', 'k', '--env', 'API_TOKEN=s3cret']);
  await berth(['send', 'second', '--after', '1']);
  const { stdout } = await berth(['export']);
  expect(stdout).not.toContain('s3cret');
  const other = freshBerth();

  expect((await other(['import', aFile(stdout.trimEnd())])).code).toBe(0);

  expect((await other(['export'])).stdout).toBe(stdout);
  expect((await other(['import', aFile(stdout.trimEnd())])).stderr).toContain('NAME_TAKEN');
  expect((await other(['fsck'])).stdout).toBe('2 tasks; all is well.\n');
});

test.each([
  ['an empty file', [], 'Line 1 is not'],
  ['another file', ['hello'], 'Line 1 is no JSON'],
  ['a cut line', [{ berth: 'export', format: 1 }, '{"table":"tasks","ro'], 'Line 2 is no JSON'],
  [
    'another table',
    [
      { berth: 'export', format: 1 },
      { table: 'workers', row: {} },
    ],
    'no table of the queue',
  ],
  ['a later format', [{ berth: 'export', format: 2 }], 'Line 1 is not'],
])('importing %s is refused, and nothing is stored', async (_what, lines, words) => {
  const berth = freshBerth();

  const { code, stderr } = await berth(['import', aFile(...lines)]);

  expect(code).toBe(65);
  expect(stderr).toContain(words);
  expect((await berth(['fsck'])).stdout).toBe('0 tasks; all is well.\n');
});

test('moving the queue without another database is refused', async () => {
  expect((await freshBerth()(['migrate-store'])).stderr).toContain('CONFIG_INVALID');
});
