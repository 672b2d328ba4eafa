import type { AgentFact, AgentFiles, AgentSignal, AgentTerminal, RecordPlace } from '../core/agent.ts';
import { objectIn, objectsIn, textIn } from './events.ts';

/**
 * Codex on a screen. The log of its terminal part, asked for by two variables for this one process, tells when
 * it takes prompts and which it was given; the record of its thread (the "rollout") tells how a turn ends. Its
 * hooks are not used: Codex would show a dialog to have them reviewed. Seen with 0.169.
 */
export const codexTerminal: AgentTerminal = {
  launch: ({ folder }) => ({
    argv: ['codex'],
    env: { CODEX_TUI_RECORD_SESSION: '1', CODEX_TUI_SESSION_LOG_PATH: `${folder}/events.jsonl` },
    files: {},
  }),

  signal(event) {
    // the thread is started when sign-in and trust are behind it
    if (event.variant === 'StartupThreadStarted') return { kind: 'ready' };
    const turn = turnIn(event);
    return turn === null ? null : { kind: 'submitted', text: textOf(turn) };
  },

  record: { find: recordOf, signal: recordSignal },
  blocked: () => null,
  drawn: () => true,
  asks: (title) => /^\[ [.!] \] Action Required/.test(title),
  stillMs: 250,
  interrupt: ['Escape'],
};

function turnIn(event: AgentFact): AgentFact | null {
  const { UserTurn: turn } = objectIn(event, 'payload');
  return event.kind === 'op' && typeof turn === 'object' ? (turn as AgentFact) : null;
}

function textOf(turn: AgentFact): string {
  return objectsIn(turn, 'items')
    .map((item) => textIn(item, 'text') ?? '')
    .join('\n');
}

/** The thread that holds the id which the terminal part gave to its latest prompt. */
function recordOf(events: readonly AgentFact[], files: AgentFiles): RecordPlace | null {
  const latest = events.findLast((event) => turnIn(event) !== null);
  const id = textIn(latest ? (turnIn(latest) ?? {}) : {}, 'client_user_message_id');
  if (!latest || id === null) return null;
  const house = files.env.CODEX_HOME ?? `${files.env.HOME}/.codex`;
  const sentAtMs = Date.parse(textIn(latest, 'ts') ?? '');
  const path = files.fileWith(`${house}/sessions`, sentAtMs - 1000, id);
  return path === null ? null : { path, after: id };
}

function recordSignal(line: AgentFact): AgentSignal | null {
  const payload = objectIn(line, 'payload');
  switch (payload.type) {
    case 'function_call':
    case 'custom_tool_call':
      return { kind: 'calls', what: callOf(payload) };
    case 'function_call_output':
    case 'custom_tool_call_output':
    case 'task_started':
      return { kind: 'working' };
    case 'task_complete':
      return endOf(payload);
    case 'turn_aborted':
      return { kind: 'failed', words: `The turn was ${textIn(payload, 'reason') ?? 'aborted'}.` };
    default:
      return null;
  }
}

function endOf(payload: AgentFact): AgentSignal {
  const words = textIn(objectIn(payload, 'error'), 'message');
  if (words !== null) return { kind: 'failed', words };
  return { kind: 'completed', answer: textIn(payload, 'last_agent_message'), transcript: null };
}

/** `exec_command: rm -rf build`, as far as its arguments can be read. */
function callOf(payload: AgentFact): string {
  const name = textIn(payload, 'name') ?? 'a tool';
  try {
    const { cmd, command } = JSON.parse(textIn(payload, 'arguments') ?? '') as Record<string, unknown>;
    const line = Array.isArray(command) ? command.join(' ') : (cmd ?? command);
    return typeof line === 'string' ? `${name}: ${line}` : name;
  } catch {
    return name;
  }
}
