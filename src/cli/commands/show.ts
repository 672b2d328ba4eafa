import { show } from '../../actions/show.ts';
import { type TaskView, taskView } from '../../actions/task-rows.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { stateText } from '../outcome-text.ts';
import { taskId } from '../task-ids.ts';
import { printable } from '../text.ts';

export default defineCommand({
  name: 'show',
  arguments: { usage: 'ID', min: 1, max: 1, completes: 'task' },
  flags: JSON_FLAG,
  examples: [
    ['berth show 12', 'shows task 12'],
    ['berth show 12 --json | jq .exit_code', 'prints its exit code'],
  ],

  async run({ deps, out, flags, args }) {
    const task = await show(deps, taskId(args));
    const view = taskView(task, deps.runs.path);
    const run = task.attempts.at(-1)?.runDirectory;
    const answer = view.kind === 'prompt' && run ? await deps.runs.answer(run) : null;
    if (flags.json) await out.value(view.kind === 'prompt' ? { ...view, answer } : view);
    else await out.line(facts(view, stateText(task)));
    if (answer !== null && !flags.json) await out.line(`\n${answer.split('\n').map(printable).join('\n')}`);
    return 0;
  },
});

function facts(view: TaskView, state: string): string {
  const { context, request, attempts } = view;
  const box = context?.container;
  const lines: readonly (readonly [string, string | number | null])[] = [
    ['task', view.id],
    ['state', state],
    ['cause', view.cause],
    ['hint', view.hint],
    [view.kind === 'prompt' ? 'prompt' : 'command', view.content],
    ['host', view.host],
    ['directory', request.workdir],
    [
      'inside',
      box ? `${box.service ?? box.pod ?? box.image ?? ''} ${box.id?.slice(0, 12) ?? ''}`.trim() : null,
    ],
    ['directory inside', box && context ? context.dir.target : null],
    ['branch', context?.git?.branch ?? request.gitBranch],
    ['environment', Object.keys(request.env).join(' ') || null],
    ['priority', view.priority],
    ['session', view.session],
    ['created', view.created_at],
    ['started', view.started_at],
    ['finished', view.finished_at],
    [
      'attempts',
      attempts.length > 1 ? attempts.map((one) => `${one.number} ${one.outcome ?? 'runs'}`).join(', ') : null,
    ],
    ['log', view.log],
    ...view.warnings.map((warning) => ['warning', warning] as const),
  ];
  const shown = lines.filter(([, value]) => value !== null && value !== '');
  return shown.map(([name, value]) => `${name.padEnd(17)} ${printable(String(value))}`).join('\n');
}
