import { taskView } from '../../actions/task-rows.ts';
import { wait } from '../../actions/wait.ts';
import { parseDuration } from '../../core/duration.ts';
import { exitCodeOf } from '../../core/task.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { warnWithoutWorker } from '../no-worker.ts';
import { reportOutcome } from '../outcome-text.ts';
import { taskIds } from '../task-ids.ts';

export default defineCommand({
  name: 'wait',
  details:
    'The exit code is that of the task as for `berth run`; with several, of the first one named that did not succeed.',
  arguments: { usage: 'ID...', min: 1, max: Number.POSITIVE_INFINITY, completes: 'task' },
  flags: {
    timeout: { type: 'string', value: 'TIME', help: 'give up after this time, with exit code 75' },
    ...JSON_FLAG,
  },
  examples: [
    ['berth wait 12', 'exits with the code of task 12'],
    ['berth wait 12 13 14 --timeout 1h', 'waits for three tasks, an hour at most'],
  ],

  async run({ deps, out, flags, args }) {
    const ids = taskIds(args);
    const timeoutMs = flags.timeout === null ? null : parseDuration('--timeout', flags.timeout);
    await warnWithoutWorker(deps, out, ids);
    const exits = new Map<number, number>();
    for await (const { task, outcome } of wait(deps, { ids, timeoutMs })) {
      exits.set(task.id, exitCodeOf(outcome));
      if (flags.json) await out.value(taskView(task, deps.runs.path));
      else await reportOutcome(out, task.id, outcome);
    }
    return ids.map((id) => exits.get(id) ?? 0).find((code) => code !== 0) ?? 0;
  },
});
