import { groups, setGroup } from '../../actions/pauses.ts';
import { BerthError } from '../../core/errors.ts';
import type { Group } from '../../core/store.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { checkName } from '../context-options.ts';
import { parseWhole } from '../queue-options.ts';
import { table } from '../table.ts';

export default defineCommand({
  name: 'group',
  details:
    'A task joins a group with `berth send --group`. `list` shows groups with a limit, a pause or unfinished tasks.',
  arguments: { usage: 'list | set NAME', min: 1, max: 2, completes: ['list', 'set'] },
  flags: {
    limit: { type: 'string', value: 'N', help: 'run at most N of its tasks at a time; 0 starts none' },
    'no-limit': { type: 'boolean', help: 'take the limit away' },
    ...JSON_FLAG,
  },
  examples: [
    ['berth group set gpu --limit 2', 'runs at most two tasks of the group gpu at a time'],
    ['berth group list', 'shows the groups and how much of each waits'],
  ],

  async run({ deps, out, flags, args: [verb = '', name] }) {
    if (verb === 'list' && name === undefined) {
      const rows = await groups(deps);
      if (flags.json) await out.value(rows);
      else if (rows.length > 0) await out.line(await groupsText(rows, out.columns));
      return 0;
    }
    if (verb !== 'set' || name === undefined || (flags.limit === null) !== flags['no-limit']) {
      throw new BerthError('berth group needs `list`, or `set NAME` with --limit N or --no-limit.', {
        code: 'USAGE',
        hint: 'See `berth group --help`.',
      });
    }
    const limit = flags.limit === null ? null : parseWhole('--limit', flags.limit, 1_000_000);
    await setGroup(deps, checkName('The group', name), limit);
    if (flags.json) await out.value({ name, limit });
    else
      await out.line(
        limit === null ? `Group ${name} has no limit.` : `Group ${name} runs at most ${limit} at a time.`,
      );
    return 0;
  },
});

async function groupsText(rows: readonly Group[], width: number | null): Promise<string> {
  const columns = [
    { title: 'NAME', flexible: true },
    { title: 'LIMIT', align: 'right' },
    { title: 'RUNNING', align: 'right' },
    { title: 'WAITING', align: 'right' },
    { title: 'STATE' },
  ] as const;
  const cells = rows.map(({ name, maxRunning, running, pending, paused }) => [
    name,
    maxRunning === null ? '' : String(maxRunning),
    String(running),
    String(pending),
    paused ? 'paused' : '',
  ]);
  return await table(columns, cells, { width });
}
