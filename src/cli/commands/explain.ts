import { type Explained, explain, explanationText } from '../../actions/explain.ts';
import { ERROR_EXITS } from '../../core/errors.ts';
import type { Payload } from '../../core/task.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { CONTEXT_FLAGS } from '../context-flags.ts';
import { contextRequest, openMatters } from '../context-options.ts';
import { matchText } from '../match-text.ts';
import { runPayload } from '../payload.ts';
import { MATCH_FLAGS } from '../queue-flags.ts';
import { type MatchFlags, matchChoice } from '../queue-options.ts';

export default defineCommand({
  name: 'explain',
  details:
    'The command that it prints can be pasted into a shell and does the same.\n' +
    'With --target, --provider or --prompt it also shows what speaks for and against each session.',
  arguments: {
    usage: '[CMD ARG...]',
    min: 0,
    max: Number.POSITIVE_INFINITY,
    completes: 'command',
    rest: true,
  },
  flags: { ...CONTEXT_FLAGS, ...MATCH_FLAGS, ...JSON_FLAG },
  examples: [
    ['berth explain --use-container -- pytest -q', 'shows the service, the directory in it, and the command'],
    ['berth explain --container-service api --json', 'prints the resolved context'],
  ],

  async run({ deps, out, flags, args }) {
    const explanation = await explain(deps, {
      context: await contextRequest(flags, deps),
      open: openMatters(flags),
      payload: payloadOf(args, flags),
      queue: asksForSession(flags) ? matchChoice(flags) : null,
    });
    if (flags.json) await out.value(explanation);
    else await out.line(await explanationText(explanation, out.columns ?? 100));
    if (!flags.json && asksForSession(flags)) await out.line(await sessionsText(explanation, out.columns));
    return explanation.error === null ? 0 : ERROR_EXITS[explanation.error.code];
  },
});

function payloadOf(args: readonly string[], flags: MatchFlags): Payload | null {
  const { provider, headless } = flags;
  if (isPrompt(flags)) return { kind: 'prompt', text: args.join(' '), provider, headless };
  return args.length === 0 ? null : runPayload(args);
}

function isPrompt({ prompt, provider, providers, fallback }: MatchFlags): boolean {
  return prompt || [provider, providers, fallback].some((name) => name !== null);
}

function asksForSession(flags: MatchFlags): boolean {
  return flags.target !== null || isPrompt(flags);
}

async function sessionsText({ sessions }: Explained, width: number | null): Promise<string> {
  return sessions.length === 0 ? '\nThere are no sessions.' : `\n${await matchText(sessions, width)}`;
}
