import { show } from '../../actions/show.ts';
import { type TaskView, taskView } from '../../actions/task-rows.ts';
import type { TurnFacts } from '../../core/agent.ts';
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
    const turn = view.kind === 'prompt' ? turnOf(view, run ? await deps.runs.turn(run) : null) : null;
    if (flags.json) await out.value({ ...view, ...turn });
    else await out.line(facts(view, turn, stateText(task)));
    const answer = turn?.answer ?? null;
    if (answer !== null && !flags.json) await out.line(`\n${answer.split('\n').map(printable).join('\n')}`);
    return 0;
  },
});

/** What `show --json` adds for a prompt. */
interface Turn {
  readonly answer: string | null;
  readonly delivery: TurnFacts['delivery'];
  readonly waits_for: string | null;
}

function turnOf({ state }: TaskView, facts: TurnFacts | null): Turn {
  const { answer = null, delivery = null, waitsFor = null } = facts ?? {};
  return { answer, delivery, waits_for: state === 'running' ? waitsFor : null };
}

function facts(view: TaskView, turn: Turn | null, state: string): string {
  const { context, request, attempts } = view;
  const box = context?.container;
  const lines: readonly (readonly [string, string | number | null])[] = [
    ['task', view.id],
    ['state', state],
    ['waits for', turn?.waits_for ?? null],
    ['cause', view.cause],
    ['hint', view.hint],
    [view.kind === 'prompt' ? 'prompt' : 'command', view.content],
    ['delivery', turn?.delivery?.replace('_', ' ') ?? null],
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
