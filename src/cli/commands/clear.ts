import { clear } from '../../actions/clear.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';
import { parseWhole } from '../queue-options.ts';

export default defineCommand({
  name: 'clear',
  arguments: NO_ARGUMENTS,
  flags: {
    days: {
      type: 'string',
      value: 'N',
      help: 'those that ended more than N days ago (default: the setting keep_days, 7); 0 is all',
    },
    ...JSON_FLAG,
  },
  examples: [
    ['berth clear', 'removes what ended more than a week ago'],
    ['berth clear --days 0', 'removes everything that has finished'],
  ],

  async run({ deps, out, flags }) {
    const cleared = await clear(deps, flags.days === null ? null : parseWhole('--days', flags.days, 36_500));
    if (flags.json) {
      await out.value(cleared);
      return 0;
    }
    const { days, tasks } = cleared;
    const more = days > 0 ? ' `berth clear --days 0` removes all finished ones.' : '';
    const age = days > 0 ? ` that ended more than ${days} days ago` : '';
    await out.line(`Removed ${tasks} finished ${tasks === 1 ? 'task' : 'tasks'}${age}.${more}`);
    return 0;
  },
});
