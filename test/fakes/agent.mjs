#!/usr/bin/env node
// A FAKE agent for tests: it speaks the headless events of Claude Code and does what the prompt's words say.
// It proves our code, not the behaviour of any vendor's program.
import { appendFileSync } from 'node:fs';

let prompt = '';
for await (const chunk of process.stdin.setEncoding('utf8')) prompt += chunk;
if (process.env.FAKE_LOG)
  appendFileSync(process.env.FAKE_LOG, `${JSON.stringify({ argv: process.argv.slice(2), prompt })}\n`);
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const end = (code, result) => {
  if (result) say({ type: 'result', subtype: 'success', ...result });
  process.exitCode = code;
};

say({ type: 'system', subtype: 'init', fake: true });
if (prompt.includes('REFUSE')) end(1, { is_error: true, result: 'Not logged in · Please run /login' });
else if (prompt.includes('LIMIT'))
  end(1, { is_error: true, result: `Claude AI usage limit reached|${process.env.FAKE_LIMIT_UNTIL}` });
else if (prompt.includes('SILENT')) end(0, null);
else if (prompt.includes('HANG')) setInterval(() => {}, 1000);
else
  end(0, { is_error: false, result: `fake answer to ${prompt.length} characters:\n${prompt.slice(-200)}` });
