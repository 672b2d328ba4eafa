import type { AgentFact, AgentSignal, AgentTerminal } from '../core/agent.ts';
import { objectIn, textIn } from './events.ts';

/**
 * Claude Code on a screen: hooks that are given to this one process by `--settings`, beside the user's own.
 * Events: https://docs.claude.com/en/docs/claude-code/hooks
 */
export const claudeTerminal: AgentTerminal = {
  launch({ hook, folder }) {
    const entry = [{ hooks: [{ type: 'command', command: hook, timeout: 5 }] }];
    const hooks = Object.fromEntries(EVENTS.map((name) => [name, entry]));
    return {
      argv: ['claude', '--settings', `${folder}/claude-settings.json`],
      env: {},
      files: { 'claude-settings.json': JSON.stringify({ hooks }) },
    };
  },
  signal,
  // no hook tells that a prompt was queued behind another turn; its transcript does
  record: {
    find(events) {
      const path = textIn(
        events.findLast((event) => textIn(event, 'transcript_path') !== null) ?? {},
        'transcript_path',
      );
      return path === null ? null : { path, after: null };
    },
    signal: ({ type, operation, content }) =>
      type === 'queue-operation' && operation === 'enqueue' && typeof content === 'string'
        ? { kind: 'queued', text: content }
        : null,
  },
  blocked: () => null,
  drawn: () => true,
  asks: () => false,
  stillMs: 250,
  interrupt: ['Escape'],
};

/** Stop alone would leave a failed turn running for ever: errors come as StopFailure instead. */
const EVENTS = [
  ...['SessionStart', 'UserPromptSubmit', 'PermissionRequest', 'Notification', 'PostToolUse'],
  ...['Stop', 'StopFailure', 'SessionEnd'],
];

function signal(event: AgentFact): AgentSignal | null {
  switch (event.hook_event_name) {
    case 'SessionStart':
      return { kind: 'ready' };
    case 'UserPromptSubmit':
      return { kind: 'submitted', text: textIn(event, 'prompt') ?? '' };
    case 'PermissionRequest':
      return { kind: 'needs_approval', what: toolOf(event) };
    case 'Notification':
      return notification(event);
    case 'PostToolUse':
      return { kind: 'working' };
    case 'Stop': {
      const answer = textIn(event, 'last_assistant_message');
      return { kind: 'completed', answer, transcript: textIn(event, 'transcript_path') };
    }
    case 'StopFailure':
      return {
        kind: 'failed',
        words: textIn(event, 'last_assistant_message') ?? textIn(event, 'error') ?? 'it failed',
      };
    case 'SessionEnd':
      return { kind: 'ended' };
    default:
      return null;
  }
}

function toolOf(event: AgentFact): string {
  const command = textIn(objectIn(event, 'tool_input'), 'command');
  return [textIn(event, 'tool_name') ?? 'a tool', command].filter((part) => part !== null).join(': ');
}

function notification(event: AgentFact): AgentSignal | null {
  const what = textIn(event, 'message') ?? 'an answer';
  switch (event.notification_type) {
    case 'permission_prompt':
      return { kind: 'needs_approval', what };
    case 'elicitation_dialog':
      return { kind: 'needs_input', what };
    default:
      // `idle_prompt` comes after every turn and means nothing new
      return null;
  }
}
