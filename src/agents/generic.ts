import type { Agent } from '../core/agent.ts';
import { completed, failed, unknown } from './events.ts';

/** Any program that takes a prompt on stdin and answers on stdout: only its exit code tells how it went. */
export function generic(program: string): Agent {
  return {
    name: program,
    program,
    capabilities: { reliableCompletion: false, finalAnswer: false },
    headless: [],
    terminal: null,

    result({ stdout, exitCode, atMs }) {
      if (exitCode === 0) return completed(stdout);
      return exitCode === null
        ? unknown(`${program} left no exit code.`, stdout)
        : failed({ words: `${program} ended with code ${exitCode}`, answer: stdout, atMs });
    },
  };
}
