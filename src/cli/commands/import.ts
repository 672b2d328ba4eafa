import { importQueue } from '../../actions/copies.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { linesOf } from '../lines.ts';

export default defineCommand({
  name: 'import',
  details:
    'Into an empty queue, all or nothing. What was running when it was exported is lost here; `berth retry ID` runs it again.',
  arguments: { usage: 'FILE', min: 1, max: 1, completes: 'file' },
  flags: JSON_FLAG,
  examples: [
    ['berth import queue.jsonl', 'stores what `berth export` wrote'],
    ['gunzip < queue.jsonl.gz | berth import -', 'reads standard input'],
  ],

  async run({ deps, out, flags, args: [file = '-'] }) {
    const rows = await importQueue(deps, linesOf(file, deps));
    if (flags.json) await out.value({ rows });
    else await out.line(`Imported ${rows} rows. See \`berth list\`.`);
    return 0;
  },
});
