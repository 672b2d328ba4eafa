import type { AgentFact, AgentFiles, AgentSignal, AgentTerminal } from '../core/agent.ts';
import { objectIn, textIn } from './events.ts';

/**
 * Gemini CLI on a screen: hooks in the layer of settings that all others go before, given to this one process.
 * Hooks of all layers run. Events: https://geminicli.com/docs/hooks/reference/
 */
export const geminiTerminal: AgentTerminal = {
  launch({ hook, folder, files }) {
    const entry = [{ hooks: [{ type: 'command', name: 'berth', command: hook, timeout: 5000 }] }];
    const theirs = defaultsOf(files);
    const hooks = Object.fromEntries(EVENTS.map((name) => [name, [...listIn(theirs, name), ...entry]]));
    const settings = { ...theirs, hooks: { ...objectIn(theirs, 'hooks'), ...hooks } };
    return {
      argv: ['gemini'],
      env: { GEMINI_CLI_SYSTEM_DEFAULTS_PATH: `${folder}/gemini-defaults.json` },
      files: { 'gemini-defaults.json': JSON.stringify(settings) },
    };
  },
  signal,
  record: null,
  blocked: signInOf,
  drawn: () => true,
  asks: () => false,
  // an Enter after a third of a second was seen to become a line of the prompt
  stillMs: 1_000,
  interrupt: ['Escape'],
};

const EVENTS = ['SessionStart', 'BeforeAgent', 'Notification', 'AfterTool', 'AfterAgent', 'SessionEnd'];

/** The layer that ours takes the place of, so that nothing of it is lost. */
function defaultsOf({ env, read }: AgentFiles): AgentFact {
  const path = env.GEMINI_CLI_SYSTEM_DEFAULTS_PATH ?? '/etc/gemini-cli/system-defaults.json';
  return parsed(read(path)) ?? {};
}

function listIn(settings: AgentFact, name: string): readonly unknown[] {
  const list = objectIn(settings, 'hooks')[name];
  return Array.isArray(list) ? list : [];
}

function signal(event: AgentFact): AgentSignal | null {
  switch (event.hook_event_name) {
    case 'SessionStart':
      return { kind: 'ready' };
    case 'BeforeAgent':
      return { kind: 'submitted', text: textIn(event, 'prompt') ?? '' };
    case 'Notification':
      return { kind: 'needs_approval', what: asked(event) };
    case 'AfterTool':
      return { kind: 'working' };
    case 'AfterAgent':
      return endOf(textIn(event, 'prompt_response'));
    case 'SessionEnd':
      // `/clear` ends one session and begins the next
      return event.reason === 'clear' ? null : { kind: 'ended' };
    default:
      return null;
  }
}

function asked(event: AgentFact): string {
  const details = objectIn(event, 'details');
  const command = textIn(details, 'command') ?? textIn(details, 'title');
  return [textIn(event, 'message') ?? 'an approval', command].filter((part) => part !== null).join(': ');
}

/** A turn whose request failed ends like any other, with these words of the program's own for an answer. */
function endOf(answer: string | null): AgentSignal {
  if (answer === '[no response text]') return { kind: 'failed', words: 'gemini had no answer' };
  return { kind: 'completed', answer, transcript: null };
}

/** Its SessionStart comes before it is signed in, and it asks as long as no way to sign in was chosen. */
function signInOf({ env, read }: AgentFiles): string | null {
  const house = env.GEMINI_CLI_HOME ?? env.HOME;
  const settings = parsed(read(`${house}/.gemini/settings.json`)) ?? {};
  const { selectedType } = objectIn(objectIn(settings, 'security'), 'auth');
  return typeof selectedType === 'string' ? null : 'no way to sign in was chosen';
}

function parsed(text: string | null): AgentFact | null {
  try {
    // comments are allowed in settings; whole lines of them are what people write
    return text === null ? null : (JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, '')) as AgentFact);
  } catch {
    return null;
  }
}
