import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownServer } from '../../src/executors/tmux/server.ts';
import { Berth, until } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-screens-')));
const programs = join(folder, 'bin');
const project = join(folder, 'project');
const queue = new Berth({ PATH: `${programs}:${process.env.PATH}` });
const tmux = (...argv: string[]) =>
  execFileSync('tmux', ['-S', ownServer(queue.home).socket, ...argv], { encoding: 'utf8' });

/** A session with the fake, and what it logged. */
async function fake(name: string, env: Readonly<Record<string, string>> = {}) {
  const log = join(folder, `${name}.log`);
  const variables = Object.entries({ FAKE_LOG: log, ...env }).flatMap(([key, value]) => [
    '--env',
    `${key}=${value}`,
  ]);
  const made = await queue.run(['session', 'new', name, '--agent', 'claude', ...variables], project);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const logged = () =>
    existsSync(log)
      ? readFileSync(log, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, string>)
      : [];
  const send = async (...argv: string[]) =>
    (await queue.json(['send', '--provider', 'claude', '--target', name, ...argv], project)).id as number;
  const shown = (id: number) => queue.json(['show', String(id)]);
  const ended = async (...argv: string[]) => {
    const id = await send(...argv);
    const { code } = await queue.run(['wait', String(id)]);
    return { code, ...(await shown(id)) };
  };
  const status = async () =>
    ((await queue.json(['sessions'])) as { name: string; status: string }[]).find((row) => row.name === name)
      ?.status;
  return { send, ended, shown, logged, status };
}

describeWith(['tmux'], 'a FAKE agent on a screen', () => {
  beforeAll(async () => {
    mkdirSync(programs);
    mkdirSync(project);
    copyFileSync(new URL('../fakes/agent-tui.mjs', import.meta.url), join(programs, 'claude'));
    chmodSync(join(programs, 'claude'), 0o755);
    await queue.run(['up', '--slots', '8']);
  });
  afterAll(async () => {
    await queue.run(['down']);
    tmux('kill-server');
    rmSync(queue.home, { recursive: true });
    rmSync(folder, { recursive: true });
  });

  test.each(['0', '120', '400'])(
    'a prompt is taken exactly once where Enter is swallowed for %s ms',
    async (ms) => {
      const agent = await fake(`swallow${ms}`, { FAKE_SWALLOW: ms });
      const text = 'first line\nsecond "line" $(touch owned) é 日本 ;';
      const done = await agent.ended(text);

      expect(done).toMatchObject({ code: 0, outcome: 'succeeded', session: `swallow${ms}` });
      expect(done.answer).toContain('fake answer to: first line');
      expect(agent.logged()).toEqual([{ submitted: text }]);
    },
  );

  test('of a hundred prompts each is taken exactly once', { timeout: 180_000 }, async () => {
    const agents = await Promise.all(
      ['0', '0', '120', '120'].map((ms, at) => fake(`many${at}`, { FAKE_SWALLOW: ms })),
    );
    const ids: number[] = [];
    for (let at = 0; at < 100; at++) {
      ids.push((await agents[at % agents.length]?.send(`prompt number ${at}`)) ?? 0);
    }
    expect((await queue.run(['wait', ...ids.map(String)])).code).toBe(0);

    const taken = agents.flatMap((agent) => agent.logged().map(({ submitted }) => submitted));
    expect(taken.sort()).toEqual(Array.from({ length: 100 }, (_, at) => `prompt number ${at}`).sort());
    for (const at of agents.keys()) await queue.run(['session', 'rm', `many${at}`]);
  });

  test('escape sequences are taken out, so that nothing of a prompt is typed', async () => {
    const agent = await fake('escapes');
    await agent.ended('before\u001b[201~\u001b[31m\rafter\u0003\u0007 end');

    expect(agent.logged()).toEqual([{ submitted: 'before\nafter end' }]);
  });

  test('a trust dialog is never answered', { timeout: 90_000 }, async () => {
    const agent = await fake('untrusted', { FAKE_TRUST: '1' });
    const done = await agent.ended('hello');

    expect(done).toMatchObject({ code: 125, outcome: 'not_started', error_code: 'PROMPT_NOT_SUBMITTED' });
    expect(agent.logged()).toEqual([]);
  });

  test('a prompt that is dropped was not submitted or is unknown, never done', async () => {
    const agent = await fake('dropping', { FAKE_DROP: '1' });
    const done = await agent.ended('hello');

    expect(['not_started', 'lost']).toContain(done.outcome);
    expect(agent.logged()).toEqual([]);
  });

  test('an approval is shown as waiting for input, is not answered, and the turn goes on after it', async () => {
    const agent = await fake('approving');
    const id = await agent.send('APPROVE this');
    await until('it waits', async () => (await agent.status()) === 'waiting_input');
    expect(agent.logged()).toEqual([{ submitted: 'APPROVE this' }]);

    tmux('send-keys', '-t', '=approving:', 'Enter');
    expect((await queue.run(['wait', String(id)])).code).toBe(0);
    expect((await agent.shown(id)).answer).toBe('fake answer after approval');
    expect(await agent.status()).toBe('idle');
  });

  test('a failed turn is a failure, and a crash in the middle is one too', async () => {
    const agent = await fake('failing');
    expect(await agent.ended('FAIL now')).toMatchObject({ code: 1, outcome: 'failed' });

    const done = await agent.ended('CRASH now');
    expect(done).toMatchObject({ outcome: 'lost', cause: expect.stringContaining('ended in the middle') });
    await until('its session is gone', async () => (await agent.status()) === undefined);
  });

  test('a cancelled turn is over, even where the agent tells nothing', async () => {
    const agent = await fake('slow');
    const id = await agent.send('SLOW work');
    await until('it has the prompt', () => agent.logged().length === 1);
    await queue.run(['cancel', String(id)]);

    expect((await queue.run(['wait', String(id)])).code).toBe(130);
    expect(existsSync(join(project, 'owned'))).toBe(false);
  });

  test('a turn goes on while its worker is gone, and the next one tells its end', async () => {
    const agent = await fake('handed');
    const id = await agent.send('APPROVE later');
    await until('it waits', async () => (await agent.status()) === 'waiting_input');
    await queue.run(['down']);
    tmux('send-keys', '-t', '=handed:', 'Enter');
    await queue.run(['up', '--slots', '8']);

    expect((await queue.run(['wait', String(id)])).code).toBe(0);
    expect(agent.logged()).toEqual([{ submitted: 'APPROVE later' }, { approval: 'granted' }]);
  });

  test('copy mode is left before a prompt is pasted', async () => {
    const agent = await fake('copying');
    await agent.ended('warm up');
    tmux('copy-mode', '-t', '=copying:');

    expect(await agent.ended('in copy mode')).toMatchObject({ code: 0 });
  });

  test('a command for the session gets a window, and a prompt for a shell is refused', async () => {
    await fake('mixed');
    const sent = await queue.run(['send', '--wait', '--target', 'mixed', 'echo from a window'], project);
    expect(sent).toMatchObject({ code: 0, stdout: 'from a window\n' });

    await queue.run(['session', 'new', 'plain'], project);
    const { id } = await queue.json(['send', '--prompt', '--target', 'plain', 'rm -rf owned'], project);
    expect((await queue.run(['wait', String(id)])).code).toBe(125);
    expect((await queue.json(['show', String(id)])).error_code).toBe('PROMPT_NOT_SUBMITTED');
  });

  test('an agent that is not installed makes no session', async () => {
    const made = await queue.run(['session', 'new', 'none', '--agent', 'codex'], project);

    expect(made).toMatchObject({ code: 69, stderr: expect.stringContaining('AGENT_NOT_FOUND') });
  });
});
