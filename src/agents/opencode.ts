import type { Agent } from '../core/agent.ts';
import { completed, eventsOf, failed, objectIn, textIn, unknown } from './events.ts';
import { opencodeTerminal } from './opencode-terminal.ts';

/** opencode. Its `run --format json` prints the parts of the session as they are complete. */
export const opencode: Agent = {
  name: 'opencode',
  program: 'opencode',
  capabilities: { reliableCompletion: true, finalAnswer: true },
  headless: ['run', '--format', 'json'],

  terminal: opencodeTerminal,

  result({ stdout, exitCode, atMs }) {
    const events = eventsOf(stdout);
    const texts = events.filter(({ type }) => type === 'text').map((event) => objectIn(event, 'part'));
    const answer = textIn(texts.at(-1) ?? {}, 'text');
    const error = objectIn(events.findLast(({ type }) => type === 'error') ?? {}, 'error');
    const words =
      textIn(objectIn(error, 'data'), 'message') ?? textIn(error, 'message') ?? textIn(error, 'name');
    if (words !== null) return failed({ words, answer, atMs });
    const finish = objectIn(events.findLast(({ type }) => type === 'step_finish') ?? {}, 'part');
    if (exitCode === 0 && finish.reason === 'stop') return completed(answer);
    return exitCode === 0 || exitCode === null
      ? unknown(`opencode ended with code ${exitCode} and without the end of its last step.`, answer)
      : failed({ words: `opencode ended with code ${exitCode}`, answer, atMs });
  },
};
