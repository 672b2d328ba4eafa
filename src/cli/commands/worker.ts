import { defineCommand, NO_ARGUMENTS } from '../command.ts';
import { WORKER_FLAGS, workerOptions } from '../worker-options.ts';

export default defineCommand({
  name: 'worker',
  details:
    'Ctrl-C or SIGTERM ends the worker only: running tasks go on, and the next worker takes them over.',
  arguments: NO_ARGUMENTS,
  flags: {
    ...WORKER_FLAGS,
    drain: { type: 'boolean', help: 'finish what is queued, then exit' },
  },
  examples: [
    ['berth worker --slots 8', 'works on eight tasks at a time'],
    ['berth worker --drain', 'empties the queue and exits'],
  ],

  async run({ deps, flags }) {
    return deps.worker.run(await workerOptions(flags, flags.drain, deps));
  },
});
