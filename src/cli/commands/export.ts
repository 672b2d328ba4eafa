import { exportQueue } from '../../actions/copies.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';

export default defineCommand({
  name: 'export',
  details: 'One JSON object a line, on stdout. The output of tasks and the values of secrets are not in it.',
  arguments: NO_ARGUMENTS,
  flags: JSON_FLAG,
  examples: [
    ['berth export > queue.jsonl', 'writes all tasks with their history'],
    ['berth export | gzip > queue.jsonl.gz', 'writes them compressed'],
  ],

  async run({ deps, out }) {
    for await (const line of exportQueue(deps)) await out.line(JSON.stringify(line));
    return 0;
  },
});
