import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';
import { workerNameOf } from '../worker-options.ts';

export default defineCommand({
  name: 'down',
  details: 'Running tasks go on, and the next worker takes them over, unless --drain lets them end first.',
  arguments: NO_ARGUMENTS,
  flags: {
    name: { type: 'string', value: 'NAME', help: 'name of the worker (default: the setting worker.name)' },
    drain: { type: 'boolean', help: 'wait until its running tasks have ended' },
    ...JSON_FLAG,
  },
  examples: [
    ['berth down', 'stops the worker of this machine'],
    ['berth down --drain', 'lets its running tasks end first'],
  ],

  async run({ deps, out, flags }) {
    const name = await workerNameOf(flags.name, deps);
    const answer = await deps.worker.stop({ name, drain: flags.drain });
    if (flags.json) await out.value(answer);
    else if (answer.stopped)
      await out.line(`Worker ${answer.name} (pid ${answer.pid}) has stopped. Start it with \`berth up\`.`);
    else await out.line(`No worker ${answer.name} runs. Start one with \`berth up\`.`);
    return answer.stopped ? 0 : 1;
  },
});
