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
const queue = new Berth({
  PATH: `${programs}:${process.env.PATH}`,
  BERTH_NOTIFY: `echo "$BERTH_EVENT $BERTH_TASK $BERTH_MESSAGE" >>${folder}/told`,
});
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
  const history = async (id: number) =>
    ((await queue.json(['why', String(id)])).events as { kind: string; reason: string }[]).map(
      ({ kind, reason }) => `${kind} ${reason}`,
    );
  const shown = (id: number) => queue.json(['show', String(id)]);
  const ended = async (...argv: string[]) => {
    const id = await send(...argv);
    const { code } = await queue.run(['wait', String(id)]);
    return { code, ...(await shown(id)) };
  };
  const status = async () =>
    ((await queue.json(['sessions'])) as { name: string; status: string }[]).find((row) => row.name === name)
      ?.status;
  return { send, ended, shown, logged, status, history };
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
      expect(done).toMatchObject({ delivery: 'submitted', waits_for: null });
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

  test('a trust dialog is never answered', { timeout: 240_000 }, async () => {
    const agent = await fake('untrusted', { FAKE_TRUST: '1' });
    const done = await agent.ended('hello');

    expect(done).toMatchObject({ code: 125, outcome: 'not_started', error_code: 'PROMPT_NOT_SUBMITTED' });
    expect(done).toMatchObject({ delivery: 'not_submitted', cause: expect.stringContaining('is blocked') });
    expect(await agent.history(done.id)).toContainEqual(expect.stringMatching(/^waiting_input .*blocked/));
    expect(agent.logged()).toEqual([]);
  });

  test('a prompt that is dropped was not submitted, and no Enter follows it', {
    timeout: 90_000,
  }, async () => {
    const agent = await fake('dropping', { FAKE_DROP: '1' });
    const done = await agent.ended('hello');

    expect(done).toMatchObject({ outcome: 'not_started', delivery: 'not_submitted' });
    expect(done.cause).toContain('did not show what was pasted');
    expect(agent.logged()).toEqual([]);
  });

  test('an approval is shown as waiting for input, is not answered, and the turn goes on after it', async () => {
    const agent = await fake('approving');
    const id = await agent.send('APPROVE this');
    await until('it waits', async () => (await agent.status()) === 'waiting_input');
    expect(agent.logged()).toEqual([{ submitted: 'APPROVE this' }]);
    expect(await agent.shown(id)).toMatchObject({ state: 'running', waits_for: 'Bash: rm -rf build' });
    expect((await queue.run(['show', String(id)])).stdout).toMatch(/waits for +Bash: rm -rf build/);
    const told = () => existsSync(join(folder, 'told')) && readFileSync(join(folder, 'told'), 'utf8');
    await until('somebody is told', () =>
      `${told()}`.includes(`waiting_input ${id} approving: Bash: rm -rf build`),
    );

    tmux('send-keys', '-t', '=approving:', 'Enter');
    expect((await queue.run(['wait', String(id)])).code).toBe(0);
    expect(await agent.shown(id)).toMatchObject({ answer: 'fake answer after approval', waits_for: null });
    expect(await agent.status()).toBe('idle');
    expect((await queue.run(['logs', String(id)])).stdout).toBe('fake answer after approval\n');
    const news = (await agent.history(id)).map((line) => line.split(' ')[0]);
    expect(news).toEqual(expect.arrayContaining(['submitted', 'waiting_input']));
  });

  test('a prompt behind the turn of somebody else is queued, and its own answer is the one shown', async () => {
    const agent = await fake('behind', { FAKE_BUSY: '1500' });
    const done = await agent.ended('mine');

    expect(done).toMatchObject({ code: 0, delivery: 'queued', answer: 'fake answer to: mine' });
    expect(await agent.history(done.id)).toContain('queued behind another turn of the agent');
    expect(agent.logged()).toEqual([{ submitted: 'mine' }]);
  });

  test('an agent that takes no Enter is left without the prompt, which was not submitted', async () => {
    const agent = await fake('deaf', { FAKE_SWALLOW: '10000000' });

    for (const text of ['one', 'two']) {
      const done = await agent.ended(text);
      expect(done).toMatchObject({ outcome: 'not_started', delivery: 'not_submitted' });
      expect(done.cause).toMatch(/the agent took no Enter\.$/);
    }
    expect(tmux('capture-pane', '-p', '-t', '=deaf:')).not.toMatch(/one|two/);
  });

  test('a usage limit on a screen holds the other prompts for this agent, and nobody else', async () => {
    const until_ = String(Math.floor(Date.now() / 1000) + 3600);
    const agent = await fake('limited', { FAKE_LIMIT_UNTIL: until_ });
    const first = await agent.send('LIMIT now');
    const why = async (id: number) => (await queue.json(['why', String(id)])).reasons;
    await until('claude is paused', async () => (await why(first))[0].code === 'PROVIDER_PAUSED');
    const second = await agent.send('hello');

    expect(await why(second)).toMatchObject([
      {
        code: 'PROVIDER_PAUSED',
        message: expect.stringContaining(new Date(Number(until_) * 1000).toISOString()),
      },
    ]);
    await queue.run(['cancel', String(first)]);
    await queue.run(['resume', '--provider', 'claude']);
    expect((await queue.run(['wait', String(second)])).code).toBe(0);
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

  test('an agent that does not mind the end of its terminal is ended with its session', async () => {
    const agent = await fake('stubborn', { FAKE_STUBBORN: '1' });
    await agent.ended('hello');
    const pid = Number(agent.logged()[0]?.pid);
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    await queue.run(['session', 'rm', 'stubborn']);

    await until('it is gone', () => !existsSync(`/proc/${pid}`));
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
