import { reassign } from '../../actions/reassign.ts';
import { BerthError } from '../../core/errors.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { checkName } from '../context-options.ts';
import { taskIds } from '../task-ids.ts';

export default defineCommand({
  name: 'reassign',
  details: 'Only tasks that wait can go to another session.',
  arguments: { usage: 'ID...', min: 1, max: Number.POSITIVE_INFINITY, completes: 'task' },
  flags: {
    to: { type: 'string', value: 'SESSION', completes: 'session', help: 'the one session that may run them' },
    any: { type: 'boolean', help: 'any session that fits' },
    ...JSON_FLAG,
  },
  examples: [
    ['berth reassign 12 --to build', 'lets task 12 wait for the session build'],
    ['berth reassign 12 13 --any', 'takes the target of two tasks away'],
  ],

  async run({ deps, out, flags, args }) {
    if ((flags.to === null) !== flags.any) {
      throw new BerthError('berth reassign needs --to SESSION or --any.', {
        code: 'USAGE',
        hint: 'See `berth reassign --help`; `berth sessions` lists the sessions.',
      });
    }
    const session = flags.to === null ? null : checkName('--to', flags.to);
    const tasks = await reassign(deps, taskIds(args), session);
    if (flags.json) await out.value(tasks.map(({ id }) => ({ id, target: session })));
    else
      for (const { id } of tasks)
        await out.line(
          `Task ${id} waits for ${session === null ? 'any session that fits' : `session ${session}`}.`,
        );
    return 0;
  },
});
