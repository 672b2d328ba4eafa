import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { loadSettings } from '../../src/config.ts';
import { ownServer } from '../../src/executors/tmux/server.ts';
import { Berth, endOf, until } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-watch-'));
const notes = join(folder, 'notes');
const queue = new Berth({ BERTH_NOTIFY: `echo "$BERTH_EVENT $BERTH_TASK" >>${notes}` });
afterAll(async () => {
  await queue[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
beforeAll(() => queue.run(['up']));

describeWith(['tmux'], 'watch on a terminal', () => {
  const socket = join(folder, 'viewer.sock');
  const tmux = (...argv: string[]) =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...argv], { encoding: 'utf8' });
  const screen = () => tmux('capture-pane', '-p', '-t', '=viewer:');
  afterAll(() => tmux('kill-server'));

  test('it shows what happens, and q gives the screen back', async () => {
    const done = join(folder, 'go');
    const command = `echo before; env BERTH_HOME=${queue.home} ${process.execPath} ${inject('program')} watch; echo "left with $?"; sleep 100`;
    tmux('new-session', '-d', '-s', 'viewer', '-x', '100', '-y', '30', command);
    await until('it shows the sessions', () => /local\/slot-1 +idle/.test(screen()));
    const { id } = await queue.json(['send', `until [ -e ${done} ]; do sleep 0.05; done`]);
    await until('it shows the task', () => new RegExp(`${id} +running`).test(screen()));
    expect(screen()).toContain('1 running');
    writeFileSync(done, '');
    await until('it shows the end', () => new RegExp(`${id} +succeeded`).test(screen()));

    tmux('send-keys', '-t', '=viewer:', 'q');
    await until('it is gone', () => screen().includes('left with 0'));
    expect(screen()).toMatch(/^before/);
    expect(screen()).not.toContain('slot-1');
  });

  test('it fits a terminal that shrinks, and Ctrl-C ends it too', async () => {
    const command = `env BERTH_HOME=${queue.home} ${process.execPath} ${inject('program')} watch; echo "left with $?"; sleep 100`;
    tmux('new-session', '-d', '-s', 'small', '-x', '100', '-y', '30', command);
    const small = () => tmux('capture-pane', '-p', '-t', '=small:');
    await until('it shows the sessions', () => small().includes('slot-4'));
    tmux('resize-window', '-t', '=small:', '-x', '60', '-y', '5');
    await until(
      'it shows no more than fits',
      () => /q quits.*slot-1/s.test(small()) && !/slot-4/.test(small()),
    );
    expect(
      small()
        .split('\n')
        .every((line) => line.length <= 60),
    ).toBe(true);

    tmux('send-keys', '-t', '=small:', 'C-c');
    await until('it is gone', () => small().includes('left with 0'));
  });
});

test('without a terminal it says so, and as JSON it prints a line for each change', async () => {
  expect(await queue.run(['watch'])).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('needs a terminal'),
  });
  const child = queue.start(['watch', '--json']);
  const lines: string[] = [];
  child.stdout?.on('data', (chunk: Buffer) => lines.push(...chunk.toString().split('\n').filter(Boolean)));
  await until('there is a first line', () => lines.length > 0);
  await queue.run(['send', 'true']);
  await until('a change is told', () => lines.length > 1);
  child.kill('SIGTERM');

  expect((await endOf(child)).code).toBe(0);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    tasks: {},
    sessions: [{}, {}, {}, {}],
    recent: expect.any(Array),
  });
});

test('the command of the configuration is run for the end of each task', async () => {
  const ids: number[] = [];
  for (const command of ['true', 'exit 3', 'cd /nowhere-at-all']) {
    const { id } = await queue.json(['send', command]);
    await queue.run(['wait', String(id)]);
    ids.push(id);
  }
  const [good, bad] = ids;
  await until(
    'it was told',
    () => existsSync(notes) && readFileSync(notes, 'utf8').includes(`failed ${ids[2]}\n`),
  );

  expect(readFileSync(notes, 'utf8')).toContain(`succeeded ${good}\n`);
  expect(readFileSync(notes, 'utf8')).toContain(`failed ${bad}\n`);
});

describeWith(['tmux'], 'an agent that waits for somebody', () => {
  const programs = mkdtempSync(join(tmpdir(), 'berth-watch-agent-'));
  const told = join(programs, 'told');
  const agents = new Berth({
    PATH: `${programs}:${process.env.PATH}`,
    BERTH_NOTIFY: `echo "$BERTH_EVENT $BERTH_TASK $BERTH_MESSAGE" >>${told}`,
  });
  afterAll(async () => {
    await agents.run(['session', 'rm', 'asking']);
    await agents[Symbol.asyncDispose]();
    rmSync(programs, { recursive: true });
  });

  test('is told once, with what it waits for', async () => {
    copyFileSync(new URL('../fakes/agent-tui.mjs', import.meta.url), join(programs, 'claude'));
    chmodSync(join(programs, 'claude'), 0o755);
    await agents.run(['up']);
    await agents.run([
      ...['session', 'new', 'asking', '--agent', 'claude'],
      ...['--env', `FAKE_LOG=${programs}/log`],
    ]);
    const { id } = await agents.json(['send', '--provider', 'claude', '--target', 'asking', 'APPROVE this']);
    await until('it was told', () => existsSync(told));
    const { socket } = ownServer(agents.home);
    execFileSync('tmux', ['-S', socket, 'send-keys', '-t', '=asking:', 'Enter']);
    expect((await agents.run(['wait', String(id)])).code).toBe(0);
    await until('the end was told too', () => readFileSync(told, 'utf8').includes(`succeeded ${id}`));

    const waits = readFileSync(told, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('waiting_input'));
    expect(waits).toEqual([expect.stringMatching(new RegExp(`^waiting_input ${id} asking: .`))]);
  });
});

test('a command that fails or hangs holds nothing up', async () => {
  for (const command of ['exit 3', 'sleep 1000']) {
    await using slow = new Berth({ BERTH_NOTIFY: command });
    await slow.run(['up']);
    expect((await slow.run(['send', '--wait', 'true'])).code).toBe(0);
    expect((await slow.run(['send', '--wait', 'exit 4'])).code).toBe(4);
  }
});

test('a project cannot choose the command', async () => {
  const entry = { key: 'notify', value: 'touch owned', line: 1 };

  expect((await loadSettings({}, { path: 'berth.yaml', entries: [entry] })).notify.value).toBeNull();
});
