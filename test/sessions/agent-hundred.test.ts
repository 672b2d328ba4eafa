import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareAgent } from '../../src/agent-sessions.ts';
import { agentOf } from '../../src/agents/agents.ts';
import { shellQuote } from '../../src/core/command.ts';
import { BerthError } from '../../src/core/errors.ts';
import type { RunSpec } from '../../src/core/executor.ts';
import type { AgentSource } from '../../src/executors/tmux/agent-events.ts';
import { agentFiles } from '../../src/executors/tmux/agent-files.ts';
import { PATIENCE, type Patience } from '../../src/executors/tmux/deliver.ts';
import { ownServer, tmux } from '../../src/executors/tmux/server.ts';
import { type AgentNews, agentExecutor } from '../../src/executors/tmux-agent.ts';
import { openTmux, type TmuxControl } from '../../src/executors/tmux-control.ts';
import { localHost } from '../../src/hosts/local.ts';
import { bareRuntime } from '../../src/runtimes/bare.ts';
import { HERE } from '../../src/testing/store-fixture.ts';
import { until } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const PROMPTS = 100;
const PANES = 5;

interface Kind {
  readonly name: string;
  /** What the fake does, see its header. */
  readonly env?: Readonly<Record<string, string>>;
  /** A word that stands in each prompt. */
  readonly word?: string;
  readonly patience?: Partial<Patience>;
  /** What becomes of each of the prompts. */
  readonly becomes: 'answered' | 'failed' | 'lost' | 'not_submitted';
  readonly delivery: AgentNews['kind'];
}

const KINDS: readonly Kind[] = [
  { name: 'misleading words on its screen', becomes: 'answered', delivery: 'submitted' },
  {
    ...{ name: 'a swallowed Enter', env: { FAKE_SWALLOW: '700' }, patience: { acknowledgeMs: 1_000 } },
    ...{ becomes: 'answered', delivery: 'submitted' },
  },
  { name: 'an approval', word: 'APPROVE', becomes: 'answered', delivery: 'submitted' },
  {
    ...{ name: 'a turn of somebody else before it', env: { FAKE_BUSY: '300' } },
    ...{ becomes: 'answered', delivery: 'queued' },
  },
  { name: 'a failure', word: 'FAIL', becomes: 'failed', delivery: 'submitted' },
  { name: 'a usage limit', word: 'LIMIT', becomes: 'failed', delivery: 'submitted' },
  { name: 'a crash', word: 'CRASH', becomes: 'lost', delivery: 'submitted' },
  {
    ...{ name: 'a trust dialog', env: { FAKE_TRUST: '1' }, patience: { readyMs: 300 } },
    ...{ becomes: 'not_submitted', delivery: 'not_submitted' },
  },
  {
    ...{ name: 'a paste that is lost', env: { FAKE_DROP: '1' }, patience: { shownMs: 300 } },
    ...{ becomes: 'not_submitted', delivery: 'not_submitted' },
  },
  {
    ...{ name: 'no Enter at all', env: { FAKE_SWALLOW: '100000000' }, patience: { acknowledgeMs: 200 } },
    ...{ becomes: 'not_submitted', delivery: 'not_submitted' },
  },
];

/** A hundred prompts for each way in which a FAKE agent may behave: given once, or reported as not submitted. */
describeWith(['tmux'], 'a hundred prompts to a FAKE agent on a screen', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-hundred-')));
  const host = localHost();
  const server = ownServer(folder);
  const path = `${join(folder, 'bin')}:${process.env.PATH}`;
  let control: TmuxControl;

  beforeAll(async () => {
    mkdirSync(join(folder, 'bin'));
    copyFileSync(new URL('../fakes/agent-tui.mjs', import.meta.url), join(folder, 'bin', 'claude'));
    chmodSync(join(folder, 'bin', 'claude'), 0o755);
    process.env.PATH = path;
    control = await openTmux(host, server);
  });
  afterAll(async () => {
    await control.close();
    await tmux(host, server, ['kill-server']);
    rmSync(folder, { recursive: true, force: true });
  });

  /** A pane with the fake, and how to start it again. */
  async function open(name: string, env: Readonly<Record<string, string>>) {
    const home = join(folder, name);
    mkdirSync(home);
    const context = { ...HERE, dir: { host: folder, target: folder }, env: {} };
    const place = { runtime: 'bare' as const, id: null, owned: false, container: null, user: null };
    const at = { context, place, runtime: bareRuntime(), folder: home };
    const { argv, events } = await prepareAgent(host, 'claude', at);
    const variables = Object.entries({ ...env, FAKE_LOG: join(home, 'log'), PATH: path });
    const command = shellQuote(['env', ...variables.map(([key, value]) => `${key}=${value}`), ...argv]);
    const start = async (fresh: boolean) => {
      if (events !== null) rmSync(events, { force: true });
      const begin = fresh ? ['new-window', '-d', '-P', '-F'] : ['respawn-pane', '-k', '-t', pane];
      const made = await control.run([...begin, ...(fresh ? ['#{pane_id}'] : []), `exec ${command}`]);
      return fresh ? (made[0] ?? '') : pane;
    };
    let pane = '';
    pane = await start(true);
    await control.run(['set-option', '-p', '-t', pane, 'remain-on-exit', 'on']);
    const isAlive = async () =>
      (await control.run(['display-message', '-p', '-t', pane, '#{pane_dead}']))[0] === '0';
    return { pane, home, events: events ?? '', again: () => start(false), isAlive };
  }

  test.each(KINDS)('$name: each of 100 is $becomes', { timeout: 400_000 }, async (kind) => {
    const name = kind.name.replaceAll(' ', '-');
    const panes = await Promise.all(
      Array.from({ length: PANES }, (_, at) => open(`${name}-${at}`, kind.env ?? {})),
    );
    const became: string[] = [];
    const deliveries: string[] = [];
    await Promise.all(
      panes.map(async (at, index) => {
        for (let number = index; number < PROMPTS; number += PANES) {
          if (kind.becomes === 'lost' && number !== index) await at.again();
          const given = await give(at, kind, number);
          became.push(given.became);
          deliveries.push(...given.news.filter((news) => news.endsWith('submitted') || news === 'queued'));
        }
      }),
    );
    const taken = panes.flatMap(({ home }) => logged(join(home, 'log')));

    expect(became).toEqual(Array.from({ length: PROMPTS }, () => kind.becomes));
    expect(deliveries).toEqual(Array.from({ length: PROMPTS }, () => kind.delivery));
    expect(taken.sort()).toEqual(
      kind.becomes === 'not_submitted'
        ? []
        : Array.from({ length: PROMPTS }, (_, number) => promptOf(kind, number)).sort(),
    );
    for (const { pane } of panes) await control.run(['kill-pane', '-t', pane]);
  });

  /** One prompt from its delivery to its end; a person answers what is asked. */
  async function give(at: Awaited<ReturnType<typeof open>>, kind: Kind, number: number) {
    const news: AgentNews['kind'][] = [];
    let alive = true;
    const source: AgentSource = {
      ...{ provider: 'claude', events: at.events, files: agentFiles({}) },
      terminal: agentOf('claude').terminal ?? never(),
    };
    const session = {
      source: () => source,
      open: async () => ({ control, pane: at.pane }),
      isAlive: () => alive,
      kill: async () => {},
      told: async (_: unknown, { kind: told }: AgentNews) => {
        news.push(told);
        if (told === 'waiting_input' && kind.word === 'APPROVE')
          await control.run(['send-keys', '-t', at.pane, 'Enter']);
      },
    };
    const run = aRun(`${kind.name.replaceAll(' ', '-')}-${number}`, number);
    mkdirSync(join(folder, 'runs', run.directory), { recursive: true });
    writeFileSync(join(folder, 'runs', run.directory, 'prompt'), promptOf(kind, number));
    const executor = agentExecutor(join(folder, 'runs'), session, { ...PATIENCE, ...kind.patience });
    try {
      await executor.start(run);
    } catch (error) {
      if (!(error instanceof BerthError) || error.code !== 'PROMPT_NOT_SUBMITTED') throw error;
      return { became: 'not_submitted', news };
    }
    const watching = executor.watch(run.directory, new AbortController().signal);
    if (kind.becomes === 'lost') {
      await until('the fake has crashed', async () => !(await at.isAlive()));
      alive = false;
    }
    const end = await watching;
    if (end.kind === 'vanished') return { became: 'lost', news };
    return { became: end.report.exitCode === 0 ? 'answered' : 'failed', news };
  }
});

function promptOf({ word }: Kind, number: number): string {
  return `prompt number ${number}\nsecond "line" ${word ?? ''} é`;
}

function logged(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.flatMap((line) => (JSON.parse(line) as { submitted?: string }).submitted ?? []);
}

function aRun(directory: string, task: number): RunSpec {
  const script = { script: '', environment: '', entry: null, leash: 'signal' as const };
  return { task, attempt: 1, directory, nonce: 'n', ...script };
}

function never(): never {
  throw new Error('Claude Code has a terminal.');
}
