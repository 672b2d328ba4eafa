import { fsck } from '../../actions/fsck.ts';
import { ERROR_EXITS } from '../../core/errors.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';

export default defineCommand({
  name: 'fsck',
  details: 'Reads everything and changes nothing. Exit code 65 when something is wrong.',
  arguments: NO_ARGUMENTS,
  flags: JSON_FLAG,
  examples: [
    ['berth fsck', 'checks every rule of the queue'],
    ["berth fsck --json | jq -r '.problems[]'", 'prints what is wrong'],
  ],

  async run({ deps, out, flags }) {
    const { tasks, problems } = await fsck(deps);
    if (flags.json) await out.value({ tasks, problems });
    else {
      for (const problem of problems) await out.line(`${problem}.`);
      if (problems.length === 0) await out.line(`${tasks} tasks; all is well.`);
    }
    return problems.length === 0 ? 0 : ERROR_EXITS.BAD_DATA;
  },
});
