import { why } from '../../actions/why.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { matchText } from '../match-text.ts';
import { taskId } from '../task-ids.ts';
import { printable } from '../text.ts';

export default defineCommand({
  name: 'why',
  arguments: { usage: 'ID', min: 1, max: 1, completes: 'task' },
  flags: JSON_FLAG,
  examples: [
    ['berth why 12', 'says what task 12 waits for'],
    ['berth why 12 --json | jq .reasons', 'prints the reasons as JSON'],
  ],

  async run({ deps, out, flags, args }) {
    const answer = await why(deps, taskId(args));
    if (flags.json) {
      await out.value(answer);
      return 0;
    }
    await out.line(`Task ${answer.id} is ${answer.state}.`);
    for (const { message, hint } of answer.reasons) {
      await out.line(printable(message));
      if (hint !== null) await out.line(`  ${printable(hint)}`);
    }
    if (answer.sessions.length > 0) await out.line(`\n${await matchText(answer.sessions, out.columns)}\n`);
    for (const { at, kind, reason } of answer.events) {
      await out.line(`  ${at}  ${kind}${reason === null ? '' : `: ${printable(reason)}`}`);
    }
    return 0;
  },
});
