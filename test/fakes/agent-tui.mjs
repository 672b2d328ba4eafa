#!/usr/bin/env node
// A FAKE agent on a screen for tests. It takes hooks as Claude Code does (`--settings`) and misbehaves on demand.
// It proves our code, not the behaviour of any vendor's program.
//   FAKE_TRUST=1      shows a trust dialog first; Enter on it GRANTS trust
//   FAKE_SWALLOW=MS   swallows an Enter that comes sooner after a paste
//   FAKE_DROP=1       drops what is pasted
//   FAKE_BUSY=MS      somebody's own turn begins just before each prompt and takes so long: the prompt is queued
//   FAKE_STUBBORN=1   minds no hangup, and logs its pid
//   words of the prompt: APPROVE, FAIL, CRASH, SLOW, LIMIT
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';

const { FAKE_LOG, FAKE_TRUST, FAKE_SWALLOW = '0', FAKE_DROP, FAKE_BUSY, FAKE_LIMIT_UNTIL } = process.env;
const settings = process.argv[process.argv.indexOf('--settings') + 1];
const { hooks } = JSON.parse(readFileSync(settings, 'utf8'));
const log = (line) => appendFileSync(FAKE_LOG, `${JSON.stringify(line)}\n`);
const transcript_path = `${FAKE_LOG}.transcript`;
const hook = (name, more = {}) => {
  const facts = { transcript_path, ...more };
  for (const { command } of hooks[name]?.[0]?.hooks ?? []) {
    spawnSync('sh', ['-c', command], { input: JSON.stringify({ hook_event_name: name, ...facts }, null, 2) });
  }
};

let mode = FAKE_TRUST ? 'trust' : 'composer';
let text = '';
let pastedAt = 0;
const draw = (status) => {
  const tip = 'tip: esc to interrupt · Running… · Do you want to proceed? · ✳ Ready';
  const body =
    mode === 'trust'
      ? 'Do you trust this folder?\r\n❯ 1. Yes, I trust this folder'
      : `❯ ${text.replaceAll('\n', '\r\n')}`;
  process.stdout.write(`\x1b[2J\x1b[H${tip}\r\n${status ?? ''}\r\n${body}`);
};

function enter() {
  if (mode === 'composer' && Date.now() - pastedAt < Number(FAKE_SWALLOW)) return;
  if (mode === 'composer' && text !== '') return FAKE_BUSY ? queue() : submit();
  answer();
}

/** As Claude Code does it: what is queued stands in the transcript, and no hook tells of it. */
function queue() {
  const prompt = text;
  text = '';
  hook('UserPromptSubmit', { prompt: 'what somebody typed' });
  const line = { type: 'queue-operation', operation: 'enqueue', content: prompt };
  appendFileSync(transcript_path, `${JSON.stringify(line)}\n`);
  draw('Working on something else…');
  setTimeout(() => {
    hook('Stop', { last_assistant_message: 'an answer for somebody else' });
    text = prompt;
    submit();
  }, Number(FAKE_BUSY));
}

function submit() {
  const prompt = text;
  text = '';
  log({ submitted: prompt });
  hook('UserPromptSubmit', { prompt });
  if (prompt.includes('CRASH')) process.exit(3);
  if (prompt.includes('SLOW')) {
    mode = 'slow';
    return draw('Working…');
  }
  if (prompt.includes('APPROVE')) {
    mode = 'approval';
    hook('PermissionRequest', { tool_name: 'Bash', tool_input: { command: 'rm -rf build' } });
    return draw('Do you want to proceed? ❯ 1. Yes');
  }
  if (prompt.includes('LIMIT'))
    hook('StopFailure', { last_assistant_message: `Claude AI usage limit reached|${FAKE_LIMIT_UNTIL}` });
  else if (prompt.includes('FAIL'))
    hook('StopFailure', { error: 'authentication_failed', last_assistant_message: 'API error' });
  else hook('Stop', { last_assistant_message: `fake answer to: ${prompt.slice(0, 60)}` });
  draw('Done. Running tests is next.');
}

/** Enter on a dialog answers it. */
function answer() {
  if (mode === 'trust') {
    log({ trust: 'granted' });
    mode = 'composer';
    hook('SessionStart', { source: 'startup' });
    return draw();
  }
  if (mode === 'approval') {
    log({ approval: 'granted' });
    mode = 'composer';
    hook('PostToolUse', { tool_name: 'Bash' });
    hook('Stop', { last_assistant_message: 'fake answer after approval' });
    draw();
  }
}

if (process.env.FAKE_STUBBORN) {
  process.on('SIGHUP', () => {});
  process.stdin.on('error', () => {}).on('end', () => setInterval(() => {}, 1000));
  process.stdout.on('error', () => {});
  log({ pid: process.pid });
}
let pending = '';
process.stdin.setRawMode(true);
process.stdin.setEncoding('utf8').on('data', (chunk) => {
  pending += chunk;
  for (;;) {
    const paste = /^\x1b\[200~([\s\S]*?)\x1b\[201~/.exec(pending);
    if (paste) {
      if (!FAKE_DROP && mode === 'composer') text += paste[1].replaceAll('\r', '\n');
      pastedAt = Date.now();
      pending = pending.slice(paste[0].length);
      draw();
    } else if (pending.startsWith('\x1b[200~') || pending === '') return;
    else {
      const key = pending[0];
      pending = pending.slice(1);
      if (key === '\r') enter();
      else if (key === '\x03' && mode === 'composer') {
        text = '';
        draw();
      } else if (key === '\x1b' && mode === 'slow')
        mode = 'composer'; // as Claude: no event
      else if (key >= ' ' && mode === 'composer') {
        text += key;
        draw();
      }
    }
  }
});
process.stdout.write('\x1b[?2004h');
draw();
if (mode === 'composer') hook('SessionStart', { source: 'startup' });
