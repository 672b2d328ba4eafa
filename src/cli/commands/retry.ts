import { retry } from '../../actions/retry.ts';
import { BerthError } from '../../core/errors.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { taskIds } from '../task-ids.ts';

export default defineCommand({
  name: 'retry',
  arguments: { usage: 'ID... | --failed', min: 0, max: Number.POSITIVE_INFINITY, completes: 'task' },
  flags: {
    failed: { type: 'boolean', help: 'all tasks that failed, timed out or did not start' },
    ...JSON_FLAG,
  },
  examples: [
    ['berth retry 12', 'queues task 12 again, as a new attempt'],
    ['berth retry --failed', 'queues everything that failed'],
  ],

  async run({ deps, out, flags, args }) {
    if (flags.failed === args.length > 0) {
      throw new BerthError('berth retry needs task ids or --failed, and not both.', {
        code: 'USAGE',
        hint: 'See `berth retry --help`.',
      });
    }
    const tasks = await retry(deps, flags.failed ? 'failed' : taskIds(args));
    if (flags.json) await out.value(tasks.map(({ id }) => ({ id })));
    else
      for (const { id } of tasks)
        await out.line(`Queued task ${id} again. Follow it with \`berth logs -f ${id}\`.`);
    return 0;
  },
});
