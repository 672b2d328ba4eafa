import type { Deps } from '../../actions/deps.ts';
import { send, sendAll } from '../../actions/send.ts';
import type { TaskRequest } from '../../actions/task-spec.ts';
import { BerthError } from '../../core/errors.ts';
import { readBatch, TASK_FLAGS, type TaskLine } from '../batch.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { contextRequest, openMatters } from '../context-options.ts';
import { follow } from '../follow.ts';
import { warnWithoutWorker } from '../no-worker.ts';
import type { Output } from '../output.ts';
import { promptPayload, sendPayload } from '../payload.ts';
import { queueChoice } from '../queue-options.ts';

export default defineCommand({
  name: 'send',
  details:
    'One argument is a shell line; more, after `--`, are an argument list. Only the id stands on stdout.\nWith --wait the output is followed, and the exit code is as for `berth run`.\nA line of --batch is {"command": "npm test", "priority": 7}: the command, as a line or a list, and options by\ntheir long names. All tasks of the file are queued, or none.',
  arguments: { usage: 'CONTENT | --batch FILE', min: 0, max: Number.POSITIVE_INFINITY },
  flags: {
    wait: { type: 'boolean', help: 'follow it, and exit with its code' },
    batch: {
      type: 'string',
      value: 'FILE',
      completes: 'file',
      help: 'queue the tasks of a file of JSON lines',
    },
    ...TASK_FLAGS,
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
    if (flags.batch !== null) return sendBatch({ deps, out, json: flags.json, path: flags.batch, args });
    const added = await send(deps, await requestOf({ flags, args }, deps));
    if (flags.json) await out.value(added);
    else if (!flags.wait) await out.line(String(added.id));
    // a script that only wants the id does not pay for the question
    if (flags.wait || out.talks) await warnWithoutWorker(deps, out, [added.id]);
    if (flags.wait) return follow(deps, out, added.id);
    const known = added.created ? 'Queued' : 'The key was known:';
    await out.talk(`${known} task ${added.id}. Follow it with \`berth logs -f ${added.id}\`.`);
    return 0;
  },
});

async function requestOf({ flags, args }: TaskLine, deps: Deps): Promise<TaskRequest> {
  const named = flags.provider ?? flags.providers ?? flags.fallback;
  const isPrompt = flags.prompt || named !== null;
  return {
    payload: isPrompt ? promptPayload(args, flags) : sendPayload(args),
    queue: queueChoice(flags),
    context: await contextRequest(flags, deps, 'queue'),
    open: openMatters(flags),
  };
}

interface Batch {
  readonly deps: Deps;
  readonly out: Output;
  readonly json: boolean;
  readonly path: string;
  readonly args: readonly string[];
}

/** One id a line, in the order of the file. */
async function sendBatch({ deps, out, json, path, args }: Batch): Promise<number> {
  if (args.length > 0) {
    throw new BerthError(`--batch takes its commands from ${path}, not from ${JSON.stringify(args[0])}.`, {
      code: 'USAGE',
      hint: 'Give either a command or --batch.',
    });
  }
  const requests = await readBatch(path, deps, (line) => requestOf(line, deps));
  const added = await sendAll(deps, requests);
  if (json) await out.value(added);
  else if (added.length > 0) await out.line(added.map(({ id }) => id).join('\n'));
  await out.talk(`Queued ${added.length} tasks.`);
  return 0;
}
