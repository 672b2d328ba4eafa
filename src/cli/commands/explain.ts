import { explain, explanationText } from '../../actions/explain.ts';
import { ERROR_EXITS } from '../../core/errors.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { CONTEXT_FLAGS } from '../context-flags.ts';
import { contextRequest, openMatters } from '../context-options.ts';
import { runPayload } from '../payload.ts';

export default defineCommand({
  name: 'explain',
  details: 'The command that it prints can be pasted into a shell and does the same.',
  arguments: {
    usage: '[CMD ARG...]',
    min: 0,
    max: Number.POSITIVE_INFINITY,
    completes: 'command',
    rest: true,
  },
  flags: { ...CONTEXT_FLAGS, ...JSON_FLAG },
  examples: [
    ['berth explain --use-container -- pytest -q', 'shows the service, the directory in it, and the command'],
    ['berth explain --container-service api --json', 'prints the resolved context'],
  ],

  async run({ deps, out, flags, args }) {
    const explanation = await explain(deps, {
      context: await contextRequest(flags, deps),
      open: openMatters(flags),
      payload: args.length === 0 ? null : runPayload(args),
    });
    if (flags.json) await out.value(explanation);
    else await out.line(await explanationText(explanation, out.columns ?? 100));
    return explanation.error === null ? 0 : ERROR_EXITS[explanation.error.code];
  },
});
