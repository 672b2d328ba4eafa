import type { Agent } from '../core/agent.ts';
import { claudeTerminal } from './claude-terminal.ts';
import { completed, eventsOf, failed, textIn, unknown } from './events.ts';

/** Claude Code. Events: https://docs.claude.com/en/docs/claude-code/sdk/sdk-headless */
export const claude: Agent = {
  name: 'claude',
  program: 'claude',
  capabilities: { reliableCompletion: true, finalAnswer: true },
  headless: ['-p', '--output-format', 'stream-json', '--verbose'],

  terminal: claudeTerminal,

  result({ stdout, exitCode, atMs }) {
    const result = eventsOf(stdout).findLast(({ type }) => type === 'result');
    if (!result) return unknown(`claude ended with code ${exitCode} and no result event.`);
    const answer = textIn(result, 'result');
    // `subtype` says "success" also when the API refused: only `is_error` and the exit code count
    if (result.is_error === true || exitCode !== 0) {
      const words = answer ?? textIn(result, 'subtype') ?? `claude ended with code ${exitCode}`;
      return failed({ words, answer, atMs });
    }
    return completed(answer);
  },
};
