import { describe, expect, test } from 'vitest';
import { agentOf, detectAgent } from './agents.ts';

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
