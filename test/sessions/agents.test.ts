import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Berth, until } from '../support/berth.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-agents-')));
const programs = join(folder, 'bin');
const project = join(folder, 'project');
const log = join(folder, 'fake.log');
const queue = new Berth({
  PATH: `${programs}:${process.env.PATH}`,
  FAKE_LOG: log,
  FAKE_LIMIT_UNTIL: String(Math.floor(Date.now() / 1000) + 3600),
});

const send = async (...argv: string[]) => (await queue.json(['send', ...argv], project)).id as number;
const ended = async (...argv: string[]) => {
  const id = await send(...argv);
  const { code } = await queue.run(['wait', String(id)]);
  return { code, ...(await queue.json(['show', String(id)])) };
};
const prompts = () =>
  readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { argv: string[]; prompt: string });

describe('turns of a FAKE agent without a terminal', () => {
  beforeAll(async () => {
    mkdirSync(programs);
    mkdirSync(project);
    copyFileSync(new URL('../fakes/agent.mjs', import.meta.url), join(programs, 'claude'));
    chmodSync(join(programs, 'claude'), 0o755);
    await queue.run(['up']);
  });
  afterAll(async () => {
    await queue[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test('a prompt is given to the agent as it is, and its answer is shown', async () => {
    const text = 'fix "it"\n$(touch owned) `x` ; -rf é\n';
    const done = await ended('--provider', 'claude', '--headless', text);

    expect(done).toMatchObject({ code: 0, kind: 'prompt', outcome: 'succeeded' });
    expect(prompts().at(-1)).toEqual({
      argv: ['-p', '--output-format', 'stream-json', '--verbose'],
      prompt: text,
    });
    expect(done.answer).toContain(`fake answer to ${text.length} characters`);
    expect((await queue.run(['show', String(done.id)])).stdout).toContain('fake answer to');
  });

  test('a megabyte of text arrives whole', async () => {
    // a shell takes 128 KiB in one word; several words are one prompt
    const words = Array.from({ length: 10 }, (_, at) => `${at} é`.repeat(25_000));
    const done = await ended('--provider', 'claude', '--headless', '--', ...words);

    expect(done.code).toBe(0);
    // compared as one fact: a difference would print megabytes
    expect(prompts().at(-1)?.prompt === words.join(' ')).toBe(true);
  });

  test('a refusal that calls itself a success is a failure, with the agent’s words', async () => {
    const done = await ended('--provider', 'claude', '--headless', 'REFUSE');

    expect(done).toMatchObject({
      code: 1,
      outcome: 'failed',
      cause: 'claude: Not logged in · Please run /login',
    });
  });

  test('an agent that ends without saying how is lost, not done', async () => {
    expect(await ended('--provider', 'claude', '--headless', 'SILENT')).toMatchObject({
      code: 70,
      outcome: 'lost',
    });
  });

  test('a usage limit holds all prompts for its provider, whatever becomes of the worker', async () => {
    const why = async (id: number) => (await queue.json(['why', String(id)])).reasons;
    const first = await send('--provider', 'claude', '--headless', 'LIMIT');
    await until('claude is paused', async () => (await why(first))[0].code === 'PROVIDER_PAUSED');
    const given = prompts().length;
    const second = await send('--provider', 'claude', '--headless', 'hello');
    await queue.run(['down']);
    await queue.run(['up']);
    const other = await ended('--providers', 'claude', '--fallback', 'cat', '--headless', 'hello');

    expect(other).toMatchObject({ code: 0, answer: 'hello' });
    expect(await why(second)).toMatchObject([
      {
        code: 'PROVIDER_PAUSED',
        message: expect.stringMatching(/^claude takes no prompts before \d{4}-.*limit/),
      },
    ]);
    expect(prompts()).toHaveLength(given);
    await queue.run(['cancel', String(first)]);
    await queue.run(['resume', '--provider', 'claude']);
    expect((await queue.run(['wait', String(second)])).code).toBe(0);
  });

  test('a prompt that meets the limit goes to its next agent at once', async () => {
    const done = await ended('--providers', 'claude,cat', '--headless', 'LIMIT');

    expect(done).toMatchObject({ code: 0, answer: 'LIMIT' });
    expect(done.attempts).toMatchObject([{ outcome: 'failed' }, { outcome: 'succeeded' }]);
    await queue.run(['resume', '--provider', 'claude']);
  });

  test('an agent that never ends is stopped by the time limit', async () => {
    const done = await ended('--provider', 'claude', '--headless', '--timeout', '1s', 'HANG');

    expect(done).toMatchObject({ code: 124, outcome: 'timed_out' });
  });

  test('an agent that is not installed starts nothing, and the next one is tried', async () => {
    expect(await ended('--provider', 'codex', '--headless', 'x')).toMatchObject({
      ...{ code: 125, outcome: 'not_started', error_code: 'AGENT_NOT_FOUND' },
    });
    expect(await ended('--provider', 'codex', '--fallback', 'claude', '--headless', 'x')).toMatchObject({
      code: 0,
    });
  });

  test('beside a container the agent is told how to run commands in it', async () => {
    const boxed = join(folder, 'boxed');
    mkdirSync(boxed);
    writeFileSync(join(boxed, 'compose.yaml'), 'services:\n  web:\n    image: busybox\n');
    const { id } = await queue.json(['send', '--provider', 'claude', '--headless', 'do it'], boxed);
    await queue.run(['wait', String(id)]);

    const given = prompts().at(-1)?.prompt ?? '';
    expect(given).toContain('berth run --use-container -- COMMAND');
    expect(given).toMatch(/\n\ndo it$/);
  });

  test('a prompt that names no agent, or has no session, waits with the reason', async () => {
    const id = await send('--provider', 'claude', 'hello');

    const why = await queue.json(['why', String(id)]);
    expect(why.reasons).toMatchObject([{ code: 'NO_MATCH' }]);
    expect(why.sessions[0].gates).toContainEqual({
      name: 'kind',
      refusal: 'the task needs a terminal session',
    });
    await queue.run(['cancel', String(id)]);
  });
});
