// Terminal sessions: how soon a window's exit code is known, how long a list and a match take.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sessions } from '../src/actions/sessions.ts';
import { fullSpec } from '../src/actions/task-spec.ts';
import type { Executor } from '../src/core/executor.ts';
import { EMPTY_CONTEXT } from '../src/core/session.ts';
import { headlessExecutor } from '../src/executors/headless.ts';
import { ownServer, tmux } from '../src/executors/tmux/server.ts';
import { tmuxExecutor } from '../src/executors/tmux.ts';
import { openTmux } from '../src/executors/tmux-control.ts';
import { localHost } from '../src/hosts/local.ts';
import { aRun, line } from '../src/testing/runs.ts';
import { lineTask, Queue } from './support/queue.ts';
import { median, ms, percentile, print, timed } from './support/report.ts';

const SAMPLES = 100;
const SESSIONS = 500;
const host = localHost();
const forever = new AbortController().signal;

await windows();
await listing();
await matching();

async function windows(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'berth-bench-windows-'));
  const runs = join(home, 'runs');
  mkdirSync(runs);
  const server = ownServer(home);
  const control = await openTmux(host, server);
  const [session = ''] = await control.run([
    'new-session',
    '-d',
    '-P',
    '-F',
    '#{session_id}',
    'exec sleep 1000',
  ]);
  const ends = async (executor: Executor) => {
    const run = aRun(line('exit 3'));
    await executor.start(run);
    await executor.watch(run.directory, forever);
  };
  const window = tmuxExecutor({ host, runs, open: async () => ({ control, session, shell: null }) });
  const headless = headlessExecutor(host, runs);
  const [ours, peer, spawned, command]: number[][] = [[], [], [], []];
  for (let sample = 0; sample < SAMPLES; sample++) {
    peer?.push(await timed(() => ends(headless)));
    ours?.push(await timed(() => ends(window)));
    spawned?.push(await timed(() => tmux(host, server, ['display-message', '-p', ''])));
    command?.push(await timed(() => control.run(['display-message', '-p', ''])));
  }
  await control.close();
  await tmux(host, server, ['kill-server']);
  rmSync(home, { recursive: true });
  const mine = median(ours ?? []);
  print({
    what: 'window: request to exit code known, median',
    ours: ms(mine),
    peer: `without a terminal ${ms(median(peer ?? []))}`,
    ratio: mine / median(peer ?? []),
    goal: '≤ 25 ms',
    ok: mine <= 25,
  });
  const [one, other] = [median(command ?? []), median(spawned ?? [])];
  print({
    what: 'one tmux command, median',
    ours: ms(one),
    peer: `tmux as a process ${ms(other)}`,
    ratio: one / other,
  });
}

async function listing(): Promise<void> {
  await using queue = await Queue.open();
  const server = ownServer(queue.home);
  const control = await openTmux(host, server);
  const store = await queue.deps.store();
  const names = Array.from({ length: SESSIONS }, (_, at) => `s${at}`);
  const format = '#{session_name} #{session_id} #{pane_id} #{pane_pid}';
  for (const name of names) await control.run(['new-session', '-d', '-s', name, 'exec sleep 1000']);
  for (const row of await control.run(['list-panes', '-a', '-F', format])) {
    const [name = '', session = '', pane = '', pid = ''] = row.split(' ');
    if (!names.includes(name)) continue;
    const folder = join(queue.home, 'sessions', name);
    mkdirSync(folder, { recursive: true });
    const process = { pid: Number(pid), startTime: '', bootId: host.self.bootId };
    const record = { name, server, session, pane, process, made: true, provider: null, request: null };
    writeFileSync(
      join(folder, 'session.json'),
      JSON.stringify({ ...record, context: EMPTY_CONTEXT, events: null, end: null }),
    );
    await store.putSession({ name, host: 'local', kind: 'tmux', provider: null, worker: null });
  }
  const panes: number[] = [];
  const listed: number[] = [];
  for (let sample = 0; sample < 20; sample++) {
    panes.push(
      await timed(() => control.run(['list-panes', '-a', '-F', '#{pane_id} #{pane_pid} #{pane_dead}'])),
    );
    listed.push(await timed(() => sessions(queue.deps)));
  }
  await control.close();
  await tmux(host, server, ['kill-server']);
  const mine = median(listed);
  print({
    what: `${SESSIONS} sessions listed, each looked at, median`,
    ours: ms(mine),
    peer: `list-panes alone ${ms(median(panes))}`,
    goal: '≤ 50 ms',
    ok: mine <= 50,
  });
}

async function matching(): Promise<void> {
  await using queue = await Queue.open();
  const store = await queue.deps.store();
  await store.registerWorker({ name: 'local', host: 'local', ...host.self }, () => false);
  const base = await fullSpec(queue.deps, lineTask('true', queue.home));
  await Promise.all(
    Array.from({ length: 1000 }, async (_, at) => {
      const row = { name: `s${at}`, host: 'local', kind: 'tmux' as const, provider: 'claude', worker: null };
      await Promise.all([
        store.putSession(row),
        store.updateSession(row.name, { currentDir: `/work/${at}` }),
      ]);
    }),
  );
  await Promise.all(
    Array.from({ length: 10_000 }, (_, at) =>
      store.add({
        payload: { kind: 'prompt', text: `prompt ${at}`, provider: 'claude' },
        context: { ...base.context, workdir: `/work/${at % 1000}` },
        queue: { ...base.queue, priority: at % 11 },
      }),
    ),
  );
  const times: number[] = [];
  for (let sample = 0; sample < 100; sample++) times.push(await timed(() => store.claim('local', 1)));
  const mine = median(times);
  print({
    what: 'one match: 1,000 sessions, 10,000 tasks, median',
    ours: ms(mine),
    peer: `99 % ${ms(percentile(times, 0.99))}`,
    goal: '≤ 10 ms',
    ok: mine <= 10,
  });
}
