import type { Agent } from '../core/agent.ts';
import { completed, eventsOf, failed, objectIn, textIn, unknown } from './events.ts';
import { geminiTerminal } from './gemini-terminal.ts';

/** Gemini CLI. Events: https://geminicli.com/docs/cli/headless/ */
export const gemini: Agent = {
  name: 'gemini',
  program: 'gemini',
  capabilities: { reliableCompletion: true, finalAnswer: true },
  headless: ['--output-format', 'stream-json'],

  terminal: geminiTerminal,

  result({ stdout, exitCode, atMs }) {
    const events = eventsOf(stdout);
    const words = events
      .filter(({ type, role }) => type === 'message' && role === 'assistant')
      .map((event) => textIn(event, 'content') ?? '');
    const answer = words.length === 0 ? null : words.join('');
    const end = events.findLast(({ type }) => type === 'result');
    if (end?.status === 'success' && exitCode === 0) return completed(answer);
    const error = events.findLast(({ type }) => type === 'error');
    const said = textIn(objectIn(end ?? {}, 'error'), 'message') ?? textIn(error ?? {}, 'message');
    if (said !== null || end !== undefined)
      return failed({ words: said ?? `gemini ended with code ${exitCode}`, answer, atMs });
    return exitCode === null || exitCode === 0
      ? unknown(`gemini ended with code ${exitCode} and no result event.`, answer)
      : failed({ words: `gemini ended with code ${exitCode}${EXITS[exitCode] ?? ''}`, answer, atMs });
  },
};

const EXITS: Readonly<Record<number, string>> = {
  41: ': it is not signed in',
  42: ': it did not take the prompt',
  53: ': its limit of turns was reached',
};
