import type { Agent } from '../core/agent.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';
import { gemini } from './gemini.ts';
import { generic } from './generic.ts';
import { opencode } from './opencode.ts';

const KNOWN: readonly Agent[] = [claude, codex, gemini, opencode];

/** The agent of this name; a name that berth does not know is the name of a program. */
export function agentOf(provider: string): Agent {
  return KNOWN.find(({ name }) => name === provider) ?? generic(provider);
}

/**
 * Which agent runs in these processes, by program and package path, never by words on a screen.
 *
 * @param processes  command lines of a pane's process and its descendants
 */
export function detectAgent(processes: readonly (readonly string[])[]): string | null {
  const found = KNOWN.find(({ name }) =>
    processes.some(
      ([program = '', script = '']) =>
        runs(program, name) || (/(^|\/)(node|bun)$/.test(program) && runs(script, name)),
    ),
  );
  return found?.name ?? null;
}

const PACKAGES: Readonly<Record<string, string>> = {
  claude: '@anthropic-ai/claude-code',
  codex: '@openai/codex',
  gemini: '@google/gemini-cli',
  opencode: 'opencode-ai',
};

/** Programs from npm run as `node .../node_modules/PACKAGE/...`, and show so. */
function runs(word: string, name: string): boolean {
  return word === name || word.endsWith(`/${name}`) || word.includes(`/node_modules/${PACKAGES[name]}/`);
}
