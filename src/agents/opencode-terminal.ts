import type { AgentFact, AgentSignal, AgentTerminal } from '../core/agent.ts';
import { objectIn, textIn } from './events.ts';
import plugin from './opencode-plugin.js?raw';

/**
 * opencode on a screen: a plugin, given to this one process beside the user's own by a variable, writes down
 * what happens. It needs no sign-in: it takes prompts when it has loaded.
 * Events: https://opencode.ai/docs/plugins/
 */
export const opencodeTerminal: AgentTerminal = {
  launch({ folder, files }) {
    const theirs = given(files.env.OPENCODE_CONFIG_CONTENT);
    const plugins = Array.isArray(theirs.plugin) ? theirs.plugin : [];
    const config = { ...theirs, plugin: [...plugins, new URL(`file://${folder}/berth.js`).href] };
    return {
      argv: ['opencode'],
      // without a title we would not know when there is a screen
      env: { OPENCODE_CONFIG_CONTENT: JSON.stringify(config), OPENCODE_DISABLE_TERMINAL_TITLE: '' },
      files: { 'berth.js': plugin, 'package.json': '{"type":"module"}' },
    };
  },

  signal(event) {
    switch (event.berth) {
      case 'ready':
        return { kind: 'ready' };
      case 'queue':
        return { kind: 'queued', text: textIn(event, 'text') ?? '' };
      case 'begin':
        return { kind: 'submitted', text: textIn(event, 'text') ?? '' };
      case 'asks':
        return { kind: 'needs_approval', what: textIn(event, 'what') ?? 'an approval' };
      case 'questions':
        return { kind: 'needs_input', what: textIn(event, 'what') ?? 'an answer' };
      case 'goes on':
        return { kind: 'working' };
      case 'end':
        return endOf(event);
      default:
        return null;
    }
  },

  record: null,
  blocked: () => null,
  // plugins are loaded seconds before there is a screen, and what is pasted then is lost
  drawn: (title) => /^(OpenCode|OC \|)/.test(title),
  asks: () => false,
  stillMs: 250,
  // the first one asks whether it is meant
  interrupt: ['Escape', 'Escape'],
};

function given(text: string | undefined): AgentFact {
  try {
    return text === undefined ? {} : (JSON.parse(text) as AgentFact);
  } catch {
    return {};
  }
}

function endOf(event: AgentFact): AgentSignal {
  const error = objectIn(event, 'error');
  const words = textIn(objectIn(error, 'data'), 'message') ?? textIn(error, 'name');
  if (words !== null) return { kind: 'failed', words };
  return { kind: 'completed', answer: textIn(event, 'answer'), transcript: null };
}
