import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentOf } from './agents/agents.ts';
import { failed } from './agents/events.ts';
import type { AgentPrompt, AgentRuns, TurnFacts } from './core/agent.ts';
import { quoteWord, shellQuote } from './core/command.ts';
import { BerthError } from './core/errors.ts';
import type { Host } from './core/host.ts';
import { isSessionName } from './core/session-name.ts';
import { readTail } from './executors/run-directory.ts';
import { readDelivery } from './executors/tmux-agent.ts';
import { toolchainScript } from './worker/plan.ts';

/** Turns of agents that need no terminal: one process each, the prompt on its stdin, its events on stdout. */
export function agentRunsOf(host: Host, runs: string): AgentRuns {
  return {
    async turn(prompt, directory) {
      refuseLong(prompt.text);
      const folder = join(runs, directory);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (isSessionName(prompt.session)) {
        // the agent on the screen takes it, see executors/tmux-agent.ts
        writeFileSync(join(folder, 'prompt'), prompt.text, { mode: 0o600 });
        return ['false'];
      }
      const provider = await installedAgent(host, prompt);
      writeFileSync(join(folder, 'agent'), provider, { mode: 0o600 });
      const { program, headless } = agentOf(provider);
      // in pieces: one argument can hold 128 KiB
      const pieces = prompt.text.match(/[\s\S]{1,30000}/gu) ?? [];
      return ['sh', '-c', `printf %s "$@" | ${shellQuote([program, ...headless])}`, provider, ...pieces];
    },

    async result(directory, exitCode) {
      const provider = readOrNull(join(runs, directory, 'agent'));
      if (provider === null) return null;
      const failure = readOrNull(join(runs, directory, 'failure'));
      if (existsSync(join(runs, directory, 'prompt'))) {
        return failure === null ? null : { ...failed({ words: failure, atMs: Date.now() }), provider };
      }
      const tail = readTail(join(runs, directory, 'out.log'), TAIL_BYTES);
      const result = agentOf(provider).result({
        stdout: tail?.bytes.toString('utf8') ?? '',
        ...{ exitCode, atMs: Date.now() },
      });
      if (result.answer !== null) {
        writeFileSync(answerPath(runs, directory), result.answer, { mode: 0o600 });
      }
      return { ...result, provider };
    },
  };
}

/** What is known of the turn of a run. */
export function readTurn(runs: string, directory: string): TurnFacts {
  const delivery = readDelivery(join(runs, directory));
  return {
    answer: readOrNull(answerPath(runs, directory)),
    delivery: delivery === 'started' ? null : delivery,
    waitsFor: readOrNull(join(runs, directory, 'waits-for')),
  };
}

function answerPath(runs: string, directory: string): string {
  return join(runs, directory, 'answer');
}

/** Enough for the end of any turn; the log keeps everything. */
const TAIL_BYTES = 8 * 1024 * 1024;

/** What programs take as arguments is limited to 2 MiB, environment included (execve(2)). */
const LONGEST = 1_500_000;

function refuseLong(text: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= LONGEST) return;
  throw new BerthError(`The prompt has ${bytes} bytes; ${LONGEST} are allowed.`, {
    code: 'INVALID_VALUE',
    hint: 'Put the long part into a file of the project, and name the file in the prompt.',
  });
}

/**
 * The first of these agents whose program is in the place.
 *
 * @throws {BerthError} `AGENT_NOT_FOUND` with all of them
 */
export async function installedAgent(
  host: Host,
  wish: Pick<AgentPrompt, 'providers' | 'context' | 'place' | 'runtime'>,
): Promise<string> {
  const { providers, context, place, runtime } = wish;
  const script = [
    `cd ${quoteWord(context.dir.target)} || exit`,
    toolchainScript(context.toolchain),
    'for berth_name; do command -v "$berth_name" >/dev/null 2>&1 && echo "$berth_name" && exit; done',
    'exit 127',
  ].join('\n');
  const programs = providers.map((name) => agentOf(name).program);
  const found = await host.exec(
    runtime.enter(place, { argv: ['sh', '-c', script, 'sh', ...programs], cwd: null, env: {} }, NO_STREAMS),
    { timeoutMs: 20_000 },
  );
  const provider = providers[programs.indexOf(found.stdout.trim())];
  if (found.exitCode === 0 && provider !== undefined) return provider;
  const names = providers.join(' nor ');
  throw new BerthError(
    `${providers.length > 1 ? `Neither ${names}` : names || 'No agent'} is installed there.`,
    {
      code: 'AGENT_NOT_FOUND',
      hint: 'Install it where the task runs, or name another agent with --fallback.',
    },
  );
}

const NO_STREAMS = { stdin: false, tty: false };

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
