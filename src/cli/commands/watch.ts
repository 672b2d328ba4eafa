import type { Deps } from '../../actions/deps.ts';
import { list } from '../../actions/list.ts';
import { sessions } from '../../actions/sessions.ts';
import { status } from '../../actions/status.ts';
import { taskRow } from '../../actions/task-rows.ts';
import { BerthError } from '../../core/errors.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';
import type { Output } from '../output.ts';
import { tasksText } from './list.ts';
import { sessionsText } from './sessions.ts';

export default defineCommand({
  name: 'watch',
  details: 'q or Ctrl-C ends it. With --json, one line for each change.',
  arguments: NO_ARGUMENTS,
  flags: JSON_FLAG,
  examples: [
    ['berth watch', 'shows sessions and tasks, and keeps the screen current'],
    ['berth watch --json | jq -c .tasks', 'prints the counts after each change'],
  ],

  async run({ deps, out, flags }) {
    if (!flags.json && out.columns === null) {
      throw new BerthError('berth watch needs a terminal.', {
        code: 'USAGE',
        hint: 'Use `berth watch --json`, or `berth list`.',
      });
    }
    const stop = new AbortController();
    const forget = onQuit(() => stop.abort());
    try {
      if (flags.json) await follow(deps, stop.signal, async () => out.value(await view(deps)));
      else await onScreen(deps, out, stop.signal);
    } finally {
      forget();
    }
    return 0;
  },
});

/** Rows of the queue that are read; the screen shows as many as fit. */
const TASKS = 200;

async function view(deps: Deps) {
  const tasks = await list(deps, { states: [], outcomes: [], limit: TASKS });
  return { ...(await status(deps)), sessions: await sessions(deps), recent: tasks.map(taskRow) };
}

async function onScreen(deps: Deps, out: Output, signal: AbortSignal): Promise<void> {
  const screen = process.stdout;
  // the other screen of the terminal, so that the first one is there again afterwards; what is too long for a
  // line is cut there (?7l) instead of going on below
  await out.bytes('stdout', Buffer.from('\x1b[?1049h\x1b[?25l\x1b[?7l'));
  try {
    await follow(deps, signal, async () => {
      const width = screen.columns ?? 80;
      const lines = await frame(deps, { color: out.color, columns: width });
      const shown = lines.slice(0, Math.max(1, (screen.rows ?? 24) - 1));
      await out.bytes(
        'stdout',
        Buffer.from(`\x1b[H${shown.map((line) => `${line}\x1b[K\r\n`).join('')}\x1b[J`),
      );
    });
  } finally {
    await out.bytes('stdout', Buffer.from('\x1b[?7h\x1b[?25h\x1b[?1049l'));
  }
}

async function frame(deps: Deps, look: Pick<Output, 'color' | 'columns'>): Promise<readonly string[]> {
  const [{ tasks, workers }, places, recent] = await Promise.all([
    status(deps),
    sessions(deps),
    list(deps, { states: [], outcomes: [], limit: TASKS }),
  ]);
  const alive = workers.filter((worker) => worker.alive).length;
  const head = [
    `${tasks.pending} pending, ${tasks.assigned + tasks.running} running, ${tasks.finished} finished`,
    alive === 0 ? 'no worker: `berth up`' : `${alive} worker${alive === 1 ? '' : 's'}`,
    'q quits',
  ];
  const parts = [
    head.join('  ·  '),
    places.length === 0 ? 'No sessions.' : await sessionsText(places, look.columns),
    recent.length === 0 ? 'No tasks.' : await tasksText(recent, look, deps.now()),
  ];
  return parts.join('\n\n').split('\n');
}

/** Now, after each change of the queue, and once a second for the times that are shown. */
async function follow(deps: Deps, signal: AbortSignal, show: () => Promise<void>): Promise<void> {
  const store = await deps.store();
  while (!signal.aborted) {
    await show();
    await store.changed(signal);
  }
}

/** Calls back for q, Ctrl-C and signals; returns how to stop. */
function onQuit(quit: () => void): () => void {
  const { stdin } = process;
  const key = (typed: Buffer) => {
    if (/[qQ\x03]/.test(typed.toString('latin1'))) quit();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, quit);
  if (stdin.isTTY) stdin.setRawMode(true).on('data', key).resume();
  return () => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, quit);
    if (stdin.isTTY) stdin.off('data', key).setRawMode(false).pause();
  };
}
