import { collectGarbage } from '../../actions/gc.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';

export default defineCommand({
  name: 'gc',
  details:
    'Only what berth itself started for tasks and sessions of this queue goes: the process that started it must be\ndead, and no task may still run in it, nor a session be in it. A worker does the same when it starts.',
  arguments: NO_ARGUMENTS,
  flags: {
    'dry-run': { type: 'boolean', help: 'only show what would be removed' },
    ...JSON_FLAG,
  },
  examples: [
    ['berth gc --dry-run', 'shows which containers a killed berth left behind'],
    ['berth gc', 'removes them'],
  ],

  async run({ deps, out, flags }) {
    const found = await collectGarbage(deps, flags['dry-run']);
    if (flags.json) {
      await out.value(found);
      return 0;
    }
    const done = flags['dry-run'] ? 'would remove' : 'removed';
    for (const { name, engine, task, session } of found)
      await out.line(
        `${done} ${name} of ${engine}, from ${session === null ? `task ${task}` : `session ${session}`}`,
      );
    if (found.length === 0) await out.talk('Nothing is left behind.');
    return 0;
  },
});
