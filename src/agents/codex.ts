import type { Agent } from '../core/agent.ts';
import { codexTerminal } from './codex-terminal.ts';
import { completed, eventsOf, failed, objectIn, textIn, unknown } from './events.ts';

/** Codex. Events: https://developers.openai.com/codex/noninteractive */
export const codex: Agent = {
  name: 'codex',
  program: 'codex',
  capabilities: { reliableCompletion: true, finalAnswer: true },
  headless: ['exec', '--json', '--skip-git-repo-check', '-'],

  terminal: codexTerminal,

  result({ stdout, exitCode, atMs }) {
    const events = eventsOf(stdout);
    const messages = events
      .filter(({ type }) => type === 'item.completed')
      .map((event) => objectIn(event, 'item'))
      .filter(({ type }) => type === 'agent_message');
    const answer = textIn(messages.at(-1) ?? {}, 'text');
    const end = events.findLast(({ type }) => type === 'turn.completed' || type === 'turn.failed');
    if (end?.type === 'turn.completed' && exitCode === 0) return completed(answer);
    const error = events.findLast(({ type }) => type === 'error');
    const words = textIn(objectIn(end ?? {}, 'error'), 'message') ?? textIn(error ?? {}, 'message');
    if (words !== null) return failed({ words, answer, atMs });
    return end === undefined
      ? unknown(`codex ended with code ${exitCode} and without the end of its turn.`, answer)
      : failed({ words: `codex ended with code ${exitCode}`, answer, atMs });
  },
};
