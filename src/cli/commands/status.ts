import { type Status, status, type WorkerView } from '../../actions/status.ts';
import { formatDuration } from '../../core/duration.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';

export default defineCommand({
  name: 'status',
  arguments: NO_ARGUMENTS,
  flags: JSON_FLAG,
  examples: [
    ['berth status', 'shows the queue and the workers'],
    ['berth status --json | jq .tasks.pending', 'prints how many tasks wait'],
  ],

  async run({ deps, out, flags }) {
    const answer = await status(deps);
    if (flags.json) await out.value(answer);
    else await out.line(text(answer, deps.now()));
    return 0;
  },
});

function text({ tasks, workers, sessions }: Status, nowMs: number): string {
  const live = workers.filter(({ alive }) => alive);
  return [
    `Tasks: ${counts(tasks)}`,
    `Sessions: ${counts(sessions)}`,
    ...workers.map((worker) => workerText(worker, nowMs)),
    ...(live.length === 0 ? ['No worker runs. Start one with `berth up`.'] : []),
  ].join('\n');
}

function counts(numbers: Readonly<Record<string, number>>): string {
  const some = Object.entries(numbers).filter(([, number]) => number > 0);
  return some.length === 0
    ? 'none'
    : some.map(([name, number]) => `${number} ${name.replace('_', ' ')}`).join(', ');
}

function workerText(worker: WorkerView, nowMs: number): string {
  const { name, pid, slots } = worker;
  const up = formatDuration(nowMs - Date.parse(worker.started_at));
  return worker.alive
    ? `Worker ${name}: runs (pid ${pid}, ${slots} slots, for ${up})`
    : `Worker ${name}: gone (was pid ${pid})`;
}
