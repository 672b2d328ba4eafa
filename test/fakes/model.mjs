#!/usr/bin/env node
// A FAKE model on loopback for tests that drive the real agents: it speaks the protocols that they ask for, needs
// no key, and answers `fake answer`. Words of the prompt change that:
//   APPROVE-ME   it calls a shell command first
//   LIMIT-ME     the provider's usage limit, with an end in an hour
//   REFUSE-ME    the provider refuses the key
// Prints its port, then one line for each request.
import { createServer } from 'node:http';

const COMMAND = 'touch approved-by-nobody';

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  process.stdout.write(`${request.method} ${request.url}\n`);
  const refusal = refusalOf(body);
  if (refusal) return json(response, ...refusal);
  const answers = Object.entries(PROTOCOLS).find(([path]) => request.url.includes(path))?.[1];
  if (!answers) return json(response, 404, {});
  const { events, whole } = answers(body.includes('APPROVE-ME'), body);
  if (whole && !request.url.includes('stream')) return json(response, 200, whole);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(events.join(''));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));

function refusalOf(body) {
  const resets_at = Math.floor(Date.now() / 1000) + 3600;
  if (body.includes('LIMIT-ME')) {
    const message = 'The usage limit has been reached';
    return [429, { error: { type: 'usage_limit_reached', message, plan_type: 'pro', resets_at } }];
  }
  // not 401: some try that for minutes
  return body.includes('REFUSE-ME') ? [400, { error: { message: 'a fake refusal' } }] : null;
}

function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

const named = (event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
const plain = (value) => `data: ${JSON.stringify(value)}\n\n`;

const PROTOCOLS = {
  // Codex
  '/responses': (asks, body) => {
    const call = {
      ...{ type: 'function_call', id: 'f1', call_id: 'call1', name: 'exec_command' },
      arguments: JSON.stringify({
        ...{ cmd: COMMAND, sandbox_permissions: 'require_escalated', justification: 'to test' },
      }),
    };
    const content = [{ type: 'output_text', text: 'fake answer', annotations: [] }];
    const message = { type: 'message', role: 'assistant', id: 'm1', status: 'completed', content };
    const item =
      asks && body.includes('exec_command') && !body.includes('function_call_output') ? call : message;
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
    return {
      events: [
        named({ type: 'response.created', response: { id: 'r1' } }),
        named({ type: 'response.output_item.done', output_index: 0, item }),
        named({ type: 'response.completed', response: { id: 'r1', usage } }),
      ],
    };
  },
  // opencode
  '/chat/completions': (asks, body) => {
    const chunk = (delta, finish_reason = null) =>
      plain({
        ...{ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'fake' },
        choices: [{ index: 0, delta, finish_reason }],
      });
    const call = {
      ...{ index: 0, id: 't1', type: 'function' },
      function: { name: 'bash', arguments: JSON.stringify({ command: COMMAND, description: 'to test' }) },
    };
    const calls = asks && body.includes('"tools"') && !body.includes('"role":"tool"');
    return {
      events: calls
        ? [chunk({ role: 'assistant', tool_calls: [call] }), chunk({}, 'tool_calls'), 'data: [DONE]\n\n']
        : [chunk({ role: 'assistant', content: 'fake answer' }), chunk({}, 'stop'), 'data: [DONE]\n\n'],
    };
  },
  // Gemini CLI
  enerateContent: (asks, body) => {
    const calls = asks && !body.includes('functionResponse');
    const call = { functionCall: { name: 'run_shell_command', args: { command: COMMAND } } };
    const parts = [calls ? call : { text: 'fake answer' }];
    const whole = {
      candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP', index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    };
    return { events: [plain(whole)], whole };
  },
  // Claude Code
  '/v1/messages': (asks, body) => {
    const usage = { input_tokens: 1, output_tokens: 1 };
    const message = { id: 'm1', type: 'message', role: 'assistant', model: 'fake', content: [] };
    const calls = asks && body.includes('"name":"Bash"') && !body.includes('"tool_result"');
    const block = calls
      ? { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: {} }
      : { type: 'text', text: '' };
    const delta = calls
      ? { type: 'input_json_delta', partial_json: JSON.stringify({ command: COMMAND }) }
      : { type: 'text_delta', text: 'fake answer' };
    return {
      events: [
        named({ type: 'message_start', message: { ...message, stop_reason: null, usage } }),
        named({ type: 'content_block_start', index: 0, content_block: block }),
        named({ type: 'content_block_delta', index: 0, delta }),
        named({ type: 'content_block_stop', index: 0 }),
        named({
          ...{ type: 'message_delta', usage: { output_tokens: 2 } },
          delta: { stop_reason: calls ? 'tool_use' : 'end_turn' },
        }),
        named({ type: 'message_stop' }),
      ],
    };
  },
};
