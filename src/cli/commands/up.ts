import { defineCommand, NO_ARGUMENTS } from '../command.ts';
import { WORKER_FLAGS, workerOptions } from '../worker-options.ts';

export default defineCommand({
  name: 'up',
  arguments: NO_ARGUMENTS,
  flags: WORKER_FLAGS,
  examples: [
    ['berth up', 'starts the worker of this machine, unless it runs already'],
    ['berth up --slots 8', 'works on eight tasks at a time'],
  ],

  async run({ deps, out, flags }) {
    const { name, pid, started } = await deps.worker.start(await workerOptions(flags, false, deps));
    if (flags.json) await out.value({ name, pid, started });
    else {
      const what = started ? 'runs' : 'was running already';
      await out.line(`Worker ${name} ${what} (pid ${pid}). Stop it with \`berth down\`.`);
    }
    return 0;
  },
});
