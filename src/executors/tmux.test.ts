import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../../test/support/engines.ts';
import { localHost } from '../hosts/local.ts';
import { executorContract } from '../testing/executor-contract.ts';
import { aRun, line } from '../testing/runs.ts';
import { ownServer, type TmuxServer, tmux } from './tmux/server.ts';
import { tmuxExecutor } from './tmux.ts';
import { openTmux, type TmuxControl } from './tmux-control.ts';

const host = localHost();
const forever = new AbortController().signal;

describeWith(['tmux'], 'runs in windows of tmux', () => {
  const opened: TmuxControl[] = [];
  const home = mkdtempSync(join(tmpdir(), 'berth-windows-'));
  const server = ownServer(home);

  afterAll(async () => {
    for (const control of opened) await control.close();
    await tmux(host, server, ['kill-server']);
    rmSync(home, { recursive: true });
  });

  const executor = (runs: string, on: TmuxServer = server) => {
    const session = connect(on);
    return tmuxExecutor({ host, runs, open: () => session });
  };

  async function connect(on: TmuxServer) {
    const control = await openTmux(host, on);
    opened.push(control);
    const format = ['-P', '-F', '#{session_id}'];
    const [session = ''] = await control.run(['new-session', '-d', ...format, 'exec sleep 1000']);
    return { control, session, shell: null };
  }

  executorContract('tmux windows', (runs) => ({
    executor: executor(runs),
    again: () => executor(runs),
  }));

  let runs = '';
  beforeAll(async () => {
    runs = await mkdtemp(join(tmpdir(), 'berth-runs-'));
  });
  afterAll(() => rm(runs, { recursive: true }));

  test('a run outlives the tmux server, and its code is recorded', async () => {
    const other = ownServer(mkdtempSync(join(tmpdir(), 'berth-killed-')));
    const killed = executor(runs, other);
    const run = aRun(line(`echo up; until [ -e ${runs}/go ]; do sleep 0.05; done; echo down; exit 23`));
    await killed.start(run);
    await until(async () => (await readFile(join(runs, run.directory, 'out.log'), 'utf8')) === 'up\n');
    const pid = Number((await tmux(host, other, ['display-message', '-p', '#{pid}'])).stdout);
    process.kill(pid, 'SIGKILL');
    await until(async () => !host.isAlive({ pid, startTime: '', bootId: '' }));
    const watched = killed.watch(run.directory, forever);
    await writeFile(join(runs, 'go'), '');

    expect(await watched).toMatchObject({ report: { kind: 'exit', exitCode: 23 } });
    expect(readFileSync(join(runs, run.directory, 'out.log'), 'utf8')).toBe('up\ndown\n');
    rmSync(other.own ?? '', { recursive: true });
  });

  test('no value of a task is in a command that other clients of the server can read', async () => {
    const { control, session } = await connect(server);
    const one = tmuxExecutor({ host, runs, open: async () => ({ control, session, shell: null }) });
    const run = aRun(line('echo ran; sleep 0.2'), { env: { TOKEN: 'hunter2' } });
    await one.start({ ...run, entry: { argv: ['env', 'sh'], cwd: null, env: { DOCKER_TOKEN: 'hunter3' } } });

    const commands = await control.run(['list-panes', '-a', '-F', '#{pane_start_command}']);
    const environment = await control.run(['show-environment', '-g']);
    expect([...commands, ...environment].join()).not.toMatch(/hunter/);
    await one.watch(run.directory, forever);
  });

  test('the window shows the output and the end, and makes room for the next task', async () => {
    const { control, session } = await connect(server);
    const one = tmuxExecutor({ host, runs, open: async () => ({ control, session, shell: null }) });
    const first = aRun(line('echo hello-from-the-task; exit 3'));
    await one.start(first);
    await until(async () => {
      const screen = await control.run(['capture-pane', '-p', '-t', `${session}:=berth-task`], { raw: true });
      return screen.includes('hello-from-the-task') && screen.join().includes('ended with code 3');
    });
    const second = aRun(line('true'));
    await one.start(second);
    await one.watch(second.directory, forever);

    const windows = await control.run(['list-windows', '-t', session, '-F', '#{window_name}']);
    expect(windows.filter((name) => name === 'berth-task')).toHaveLength(1);
  });

  test('a process that has the number of an ended run is not taken for it', async () => {
    const run = aRun(line('true'));
    const one = executor(runs);
    mkdirSync(join(runs, run.directory), { recursive: true });
    writeFileSync(join(runs, run.directory, 'pid'), `run ${process.pid} 1 ${host.self.bootId}\n`);

    expect(await one.state(run.directory)).toBe('vanished');
    expect(await one.watch(run.directory, forever)).toMatchObject({ kind: 'vanished' });
    await one.stop(run.directory);
    expect(host.isAlive(host.self)).toBe(true);
  });

  test('a session that is gone starts nothing', async () => {
    const control = await openTmux(host, server);
    opened.push(control);
    const one = tmuxExecutor({ host, runs, open: async () => ({ control, session: '$999', shell: null }) });
    const run = aRun(line('true'));

    await expect(one.start(run)).rejects.toMatchObject({ code: 'TMUX_FAILED' });
    expect(await one.state(run.directory)).toBe('absent');
  });
});

/** Wait for a condition, never for a time. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error('the condition did not come true within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
