import { logs } from '../../actions/logs.ts';
import { show } from '../../actions/show.ts';
import { isForeground } from '../../actions/task-rows.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { chunkLines } from '../log-lines.ts';
import { warnWithoutWorker } from '../no-worker.ts';
import { parseWhole } from '../queue-options.ts';
import { taskId } from '../task-ids.ts';

export default defineCommand({
  name: 'logs',
  details: "The task's stdout goes to stdout, its stderr to stderr, byte for byte.",
  arguments: { usage: 'ID', min: 1, max: 1, completes: 'task' },
  flags: {
    follow: { type: 'boolean', short: 'f', help: 'go on until the task has ended' },
    attempt: { type: 'string', value: 'N', help: 'output of this attempt (default: the latest)' },
    ...JSON_FLAG,
  },
  examples: [
    ['berth logs -f 12', 'follows task 12 to its end'],
    ['berth logs 12 2>/dev/null | tail -5', 'prints the last lines of its stdout'],
  ],

  async run({ deps, out, flags, args }) {
    const attempt = flags.attempt === null ? null : parseWhole('--attempt', flags.attempt, 1_000_000);
    const id = taskId(args);
    const lines = chunkLines();
    if (flags.follow) await warnWithoutWorker(deps, out, [id]);
    let isEmpty = true;
    for await (const chunk of logs(deps, { id, attempt, follow: flags.follow })) {
      isEmpty = false;
      if (flags.json) await out.value(lines(chunk));
      else await out.bytes(chunk.stream, chunk.bytes);
    }
    if (isEmpty && (await show(deps, id)).attempts.some(isForeground)) {
      await out.warn(
        `berth: note: task ${id} ran in the foreground; its output went to the caller and was not kept.`,
      );
    }
    return 0;
  },
});
