#!/usr/bin/env node
// A FAKE agent on a screen for tests. It takes hooks as Claude Code does (`--settings`) and misbehaves on demand.
// It proves our code, not the behaviour of any vendor's program.
//   FAKE_TRUST=1      shows a trust dialog first; Enter on it GRANTS trust
//   FAKE_SWALLOW=MS   swallows an Enter that comes sooner after a paste
//   FAKE_DROP=1       drops what is pasted
//   words of the prompt: APPROVE, FAIL, CRASH, SLOW
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';

const { FAKE_LOG, FAKE_TRUST, FAKE_SWALLOW = '0', FAKE_DROP } = process.env;
const settings = process.argv[process.argv.indexOf('--settings') + 1];
const { hooks } = JSON.parse(readFileSync(settings, 'utf8'));
const log = (line) => appendFileSync(FAKE_LOG, `${JSON.stringify(line)}\n`);
const hook = (name, facts = {}) => {
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

function submit() {
  const prompt = text;
  text = '';
  if (prompt === '') return draw();
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
  if (prompt.includes('FAIL'))
    hook('StopFailure', { error: 'authentication_failed', last_assistant_message: 'API error' });
  else hook('Stop', { last_assistant_message: `fake answer to: ${prompt.slice(0, 60)}` });
  draw('Done. Running tests is next.');
}

function enter() {
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
    return draw();
  }
  if (mode === 'composer' && Date.now() - pastedAt >= Number(FAKE_SWALLOW)) submit();
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
      else if (key === '\x1b' && mode === 'slow')
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
