import { type Cancelled, cancel } from '../../actions/cancel.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { taskIds } from '../task-ids.ts';

export default defineCommand({
  name: 'cancel',
  details:
    'A running task gets TERM, and KILL after the grace; it has ended when its whole process tree is gone.',
  arguments: { usage: 'ID...', min: 1, max: Number.POSITIVE_INFINITY, completes: 'task' },
  flags: JSON_FLAG,
  examples: [
    ['berth cancel 12', 'stops task 12'],
    ['berth cancel 12 13 && berth wait 12 13', 'stops two and waits until they are gone'],
  ],

  async run({ deps, out, flags, args }) {
    const cancelled = await cancel(deps, taskIds(args));
    if (flags.json) await out.value(cancelled);
    else for (const one of cancelled) await out.line(sentence(one));
    return 0;
  },
});

function sentence({ id, answer }: Cancelled): string {
  switch (answer) {
    case 'stopping':
      return `Stopping task ${id}. \`berth wait ${id}\` returns when it is gone.`;
    case 'cancelled':
      return `Task ${id} is cancelled; it had not started.`;
    case 'already_finished':
      return `Task ${id} had already finished. See \`berth show ${id}\`.`;
  }
}
