import { send } from '../../actions/send.ts';
import { hasWorker } from '../../actions/status.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { CONTEXT_FLAGS } from '../context-flags.ts';
import { contextRequest, openMatters } from '../context-options.ts';
import { follow } from '../follow.ts';
import { promptPayload, sendPayload } from '../payload.ts';
import { QUEUE_FLAGS } from '../queue-flags.ts';
import { queueChoice } from '../queue-options.ts';

export default defineCommand({
  name: 'send',
  details:
    'One argument is a shell line; more, after `--`, are an argument list. Only the id stands on stdout.\nWith --wait the output is followed, and the exit code is as for `berth run`.',
  arguments: { usage: 'CONTENT', min: 1, max: Number.POSITIVE_INFINITY },
  flags: {
    wait: { type: 'boolean', help: 'follow it, and exit with its code' },
    ...CONTEXT_FLAGS,
    ...QUEUE_FLAGS,
    ...JSON_FLAG,
  },
  examples: [
    [
      "berth send 'npm test' --use-container --timeout 30m",
      "queues a shell line for the project's container",
    ],
    ['berth send --wait --retries 2 -- make -j4 check', 'queues an argument list and follows it'],
  ],

  async run({ deps, out, flags, args }) {
    const named = flags.provider ?? flags.providers ?? flags.fallback;
    const isPrompt = flags.prompt || named !== null;
    const added = await send(deps, {
      payload: isPrompt ? promptPayload(args, flags) : sendPayload(args),
      queue: queueChoice(flags),
      context: await contextRequest(flags, deps),
      open: openMatters(flags),
    });
    if (flags.json) await out.value(added);
    else if (!flags.wait) await out.line(String(added.id));
    // a script that only wants the id does not pay for the question
    if ((flags.wait || out.talks) && !(await hasWorker(deps))) {
      await out.warn('No worker runs; the task waits until there is one: `berth up`.');
    }
    if (flags.wait) return follow(deps, out, added.id);
    const known = added.created ? 'Queued' : 'The key was known:';
    await out.talk(`${known} task ${added.id}. Follow it with \`berth logs -f ${added.id}\`.`);
    return 0;
  },
});
