import { migrateStore } from '../../actions/copies.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';

export default defineCommand({
  name: 'migrate-store',
  details:
    'Moves the queue of $BERTH_HOME into the empty PostgreSQL database of BERTH_DATABASE_URL. No task may be\nunder way. The file stays where it is, paused.',
  arguments: NO_ARGUMENTS,
  flags: JSON_FLAG,
  examples: [
    ['berth down --drain', 'first lets the worker finish what is queued'],
    ['BERTH_DATABASE_URL=postgresql://db/queue berth migrate-store', 'moves all tasks with their history'],
  ],

  async run({ deps, out, flags }) {
    const moved = await migrateStore(deps);
    if (flags.json) await out.value(moved);
    else await out.line(`Moved ${moved.rows} rows from ${moved.from} to ${moved.to}.`);
    return 0;
  },
});
