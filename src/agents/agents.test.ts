import { describe, expect, test } from 'vitest';
import type { AgentFact, AgentFiles } from '../core/agent.ts';
import { agentOf, detectAgent } from './agents.ts';
import { limitEnd } from './events.ts';

const lines = (...events: object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('');

describe('the result of a turn', () => {
  test.each<[string, string, string, number | null, object]>([
    [
      'claude says that it is complete',
      'claude',
      lines(
        { type: 'system', subtype: 'init' },
        { type: 'result', subtype: 'success', is_error: false, result: 'done\nit' },
      ),
      0,
      { kind: 'completed', answer: 'done\nit' },
    ],
    [
      'claude calls a refusal of its API a success, and it is not',
      'claude',
      lines({
        type: 'result',
        subtype: 'success',
        is_error: true,
        result: 'Not logged in · Please run /login',
      }),
      1,
      { kind: 'failed', cause: 'Not logged in · Please run /login' },
    ],
    [
      'claude names the end of a usage limit',
      'claude',
      lines({ type: 'result', is_error: true, result: 'Claude AI usage limit reached|1735689600' }),
      1,
      { kind: 'limit', untilMs: 1_735_689_600_000 },
    ],
    [
      'an answer that talks of limits is an answer',
      'claude',
      lines({ type: 'result', is_error: false, result: 'The rate limit is 5 a second.' }),
      0,
      { kind: 'completed' },
    ],
    ['an exit without a result is not a completion', 'claude', 'hello\n', 0, { kind: 'unknown' }],
    ['a torn last line is no result', 'claude', '{"type":"result","is_error":fal', 0, { kind: 'unknown' }],
    [
      'codex completes its turn',
      'codex',
      lines(
        { type: 'item.completed', item: { type: 'reasoning', text: 'hm' } },
        { type: 'item.completed', item: { type: 'agent_message', text: 'ok' } },
        { type: 'turn.completed', usage: {} },
      ),
      0,
      { kind: 'completed', answer: 'ok' },
    ],
    [
      'codex fails its turn',
      'codex',
      lines({ type: 'turn.failed', error: { message: 'stream disconnected' } }),
      1,
      { kind: 'failed', cause: 'stream disconnected' },
    ],
    ['codex killed in the middle', 'codex', lines({ type: 'turn.started' }), 137, { kind: 'unknown' }],
    [
      'gemini streams its answer in pieces',
      'gemini',
      lines(
        { type: 'message', role: 'user', content: 'q' },
        { type: 'message', role: 'assistant', content: 'a', delta: true },
        { type: 'message', role: 'assistant', content: 'b', delta: true },
        { type: 'result', status: 'success' },
      ),
      0,
      { kind: 'completed', answer: 'ab' },
    ],
    [
      'gemini is not signed in',
      'gemini',
      '',
      41,
      { kind: 'failed', cause: 'gemini ended with code 41: it is not signed in' },
    ],
    [
      'opencode ends its last step',
      'opencode',
      lines({ type: 'text', part: { text: 'hi' } }, { type: 'step_finish', part: { reason: 'stop' } }),
      0,
      { kind: 'completed', answer: 'hi' },
    ],
    [
      'opencode stops between two steps',
      'opencode',
      lines({ type: 'step_finish', part: { reason: 'tool-calls' } }),
      0,
      { kind: 'unknown' },
    ],
    [
      'opencode reports an error and exits with 0',
      'opencode',
      lines({ type: 'error', error: { name: 'ProviderAuthError', data: { message: 'no key' } } }),
      0,
      { kind: 'failed', cause: 'no key' },
    ],
    ['any other program has its exit code only', 'mine', 'text', 0, { kind: 'completed', answer: 'text' }],
    ['any other program that fails', 'mine', 'text', 3, { kind: 'failed', cause: 'mine ended with code 3' }],
  ])('%s', (_name, provider, stdout, exitCode, expected) => {
    expect(agentOf(provider).result({ stdout, exitCode, atMs: 0 })).toMatchObject(expected);
  });

  test('a program that is not known promises nothing', () => {
    expect(agentOf('mine').capabilities).toEqual({ reliableCompletion: false, finalAnswer: false });
  });
});

test.each<[string, string[][], string | null]>([
  ['its program', [['bash'], ['/usr/local/bin/claude']], 'claude'],
  ['its npm package', [['node', '/usr/lib/node_modules/@openai/codex/bin/codex.js']], 'codex'],
  ['a shell that only talks of it', [['bash', '-c', 'echo claude']], null],
  ['a file of this name', [['vim', 'notes/claude']], null],
  ['nothing', [], null],
])('an agent is told by %s', (_name, processes, expected) => {
  expect(detectAgent(processes)).toBe(expected);
});

describe('the end of a usage limit', () => {
  const at = new Date(2026, 10, 22, 20, 30).getTime();

  test.each<[string, string, Date | null]>([
    ['in seconds, as Claude Code', 'usage limit reached|1735689600', new Date(1_735_689_600_000)],
    ['a time of today', 'try again at 9:22 PM.', new Date(2026, 10, 22, 21, 22)],
    ['a time of tomorrow', 'try again at 9:22 AM.', new Date(2026, 10, 23, 9, 22)],
    ['midnight', '5-hour limit reached ∙ resets 12am', new Date(2026, 10, 23, 0, 0)],
    ['a date', 'or try again at Dec 3rd, 2026 12:05 AM.', new Date(2026, 11, 3, 0, 5)],
    ['a span', 'Your quota will reset after 3h12m5s.', new Date(2026, 10, 22, 23, 42, 5)],
    ['days', 'try again in 3 days 4 hours', new Date(2026, 10, 26, 0, 30)],
    ['words without a time', 'You have hit your usage limit.', null],
    ['a month that is none', 'try again at Foo 3rd, 2026 1:00 AM.', null],
  ])('is read from %s', (_name, words, expected) => {
    expect(limitEnd(words, at)).toBe(expected?.getTime() ?? null);
  });
});

/** Events as the real programs wrote them (see test/support/real-agents.ts for their versions), cut to what is read. */
describe('what an agent on a screen tells', () => {
  const files = (text: string | null): AgentFiles => ({
    env: {},
    read: () => text,
    fileWith: () => 'rollout.jsonl',
  });
  const terminalOf = (name: string) => {
    const { terminal } = agentOf(name);
    if (terminal === null) throw new Error(`${name} has no terminal`);
    return terminal;
  };
  const turn = {
    ...{ ts: '2026-11-22T20:17:55.202Z', dir: 'from_tui', kind: 'op' },
    payload: { UserTurn: { client_user_message_id: '3d32e506', items: [{ type: 'text', text: 'a\nb é' }] } },
  };

  test.each<[string, string, AgentFact, object | null]>([
    [
      'codex has started its thread',
      'codex',
      { kind: 'app_event', variant: 'StartupThreadStarted' },
      { kind: 'ready' },
    ],
    ['codex at its sign-in', 'codex', { dir: 'meta', kind: 'session_start', cwd: '/p' }, null],
    ['codex was given a prompt', 'codex', turn, { kind: 'submitted', text: 'a\nb é' }],
    [
      'gemini takes a prompt',
      'gemini',
      { hook_event_name: 'BeforeAgent', prompt: 'a' },
      { kind: 'submitted', text: 'a' },
    ],
    [
      'gemini has no answer after a failed request',
      'gemini',
      { hook_event_name: 'AfterAgent', prompt_response: '[no response text]' },
      { kind: 'failed' },
    ],
    ['gemini cleared its session', 'gemini', { hook_event_name: 'SessionEnd', reason: 'clear' }, null],
    [
      'opencode ends a turn with an error',
      'opencode',
      { berth: 'end', error: { name: 'APIError', data: { message: 'bad key' } } },
      { kind: 'failed', words: 'bad key' },
    ],
  ])('%s', (_name, agent, event, expected) => {
    const signal = terminalOf(agent).signal(event);
    if (expected === null) expect(signal).toBeNull();
    else expect(signal).toMatchObject(expected);
  });

  test.each<[string, string, AgentFact, object]>([
    [
      'a limit in the record of a codex thread is a failure, in its words',
      'codex',
      {
        type: 'event_msg',
        payload: { type: 'task_complete', error: { message: 'You’ve hit your usage limit.' } },
      },
      { kind: 'failed', words: 'You’ve hit your usage limit.' },
    ],
    [
      'an open call in the record of a codex thread names its command',
      'codex',
      { payload: { type: 'function_call', name: 'exec_command', arguments: '{"cmd":"touch x"}' } },
      { kind: 'calls', what: 'exec_command: touch x' },
    ],
    [
      'a queued prompt in the transcript of claude',
      'claude',
      { type: 'queue-operation', operation: 'enqueue', content: 'later' },
      { kind: 'queued', text: 'later' },
    ],
  ])('%s', (_name, agent, line, expected) => {
    expect(terminalOf(agent).record?.signal(line)).toMatchObject(expected);
  });

  test('the record of a codex thread is the one with the id of the latest prompt', () => {
    const place = terminalOf('codex').record?.find([turn], files(null));

    expect(place).toEqual({ path: 'rollout.jsonl', after: '3d32e506' });
  });

  test.each<[string, string | null]>([
    ['no settings', null],
    ['settings that name no way to sign in', '{"theme":"x"}'],
    ['settings that are no JSON', '{'],
  ])('gemini is blocked with %s', (_name, text) => {
    expect(terminalOf('gemini').blocked(files(text))).toContain('sign in');
  });

  test('what others put into the settings below gemini’s stays there', () => {
    const theirs = { ui: { theme: 'x' }, hooks: { AfterAgent: [{ hooks: [{ command: 'theirs' }] }] } };
    const at = { hook: 'ours', folder: '/f', files: files(JSON.stringify(theirs)) };
    const launched = terminalOf('gemini').launch(at).files['gemini-defaults.json'] ?? '';

    expect(JSON.parse(launched)).toMatchObject({
      ui: { theme: 'x' },
      hooks: { AfterAgent: [{ hooks: [{ command: 'theirs' }] }, { hooks: [{ command: 'ours' }] }] },
    });
  });
});
