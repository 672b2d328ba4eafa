import { list } from '../../actions/list.ts';
import { contentOf, taskRow } from '../../actions/task-rows.ts';
import { closest } from '../../core/closest.ts';
import { BerthError } from '../../core/errors.ts';
import type { OutcomeKind, Task, TaskStateName } from '../../core/task.ts';
import { colors } from '../colors.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';
import { stateText, timeText } from '../outcome-text.ts';
import type { Output } from '../output.ts';
import { parseWhole } from '../queue-options.ts';
import { table } from '../table.ts';

const STATES: readonly TaskStateName[] = ['pending', 'assigned', 'running', 'finished'];
const OUTCOMES: readonly OutcomeKind[] = [
  'succeeded',
  'failed',
  'cancelled',
  'timed_out',
  'not_started',
  'lost',
];
/** What a person wants to see at once; JSON has all unless --limit says otherwise. */
const TABLE_ROWS = 100;

export default defineCommand({
  name: 'list',
  arguments: NO_ARGUMENTS,
  flags: {
    state: {
      type: 'strings',
      value: 'STATE',
      completes: STATES,
      help: 'only pending, assigned, running or finished ones (repeatable)',
    },
    outcome: {
      type: 'strings',
      value: 'OUTCOME',
      completes: OUTCOMES,
      help: 'only finished ones that succeeded, failed, were cancelled ... (repeatable)',
    },
    limit: {
      type: 'string',
      value: 'N',
      help: `at most so many; 0 is all (default ${TABLE_ROWS}, with --json all)`,
    },
    ...JSON_FLAG,
  },
  examples: [
    ['berth list --state running', 'shows what runs now'],
    ["berth list --outcome failed --json | jq '.[].id'", 'prints the ids of failed tasks'],
  ],

  async run({ deps, out, flags }) {
    const states = flags.state.map(parseState);
    const outcomes = flags.outcome.map(parseOutcome);
    const asked = flags.limit === null ? null : parseWhole('--limit', flags.limit, 1_000_000_000);
    const limit = asked ?? (flags.json ? 0 : TABLE_ROWS);
    const tasks = await list(deps, { states, outcomes, limit: limit === 0 ? null : limit });
    if (flags.json) await out.value(tasks.map(taskRow));
    else if (tasks.length > 0) await out.line(await tasksText(tasks, out, deps.now()));
    if (tasks.length === 0) await out.talk(states.length + outcomes.length > 0 ? 'No such tasks.' : NONE);
    if (asked === null && tasks.length === limit)
      await out.warn(`These are the newest ${limit}; \`--limit 0\` shows all.`);
    return 0;
  },
});

const NONE = "No tasks. Send one with `berth send 'make test'`.";

/** The table of `list` and `watch`. */
export async function tasksText(
  tasks: readonly Task[],
  look: Pick<Output, 'color' | 'columns'>,
  nowMs: number,
): Promise<string> {
  const columns = [
    { title: 'ID', align: 'right' },
    { title: 'STATE' },
    { title: 'TIME', align: 'right' },
    { title: 'WHERE' },
    { title: 'COMMAND', flexible: true },
  ] as const;
  const rows = tasks.map((task) => [
    String(task.id),
    stateText(task),
    timeText(task, nowMs),
    whereText(task),
    contentOf(task.spec.payload),
  ]);
  const { red, green, yellow, dim } = colors(look.color);
  const paint = (text: string, row: number, column: number) => {
    if (row === -1) return dim(text);
    if (column !== 1) return text;
    if (text === 'succeeded') return green(text);
    if (text === 'running' || text === 'stopping') return yellow(text);
    return text === 'pending' || text === 'assigned' ? text : red(text);
  };
  return table(columns, rows, { width: look.columns, paint });
}

/** The box where it has one, otherwise the host. */
function whereText(task: Task): string {
  const { host, container } = task.spec.context;
  const found = task.attempts.at(-1)?.context?.container;
  const box = found
    ? (found.service ?? found.pod ?? found.image)
    : (container?.service ?? container?.image ?? container?.name);
  if (box) return box;
  return container === null || found === null ? host : (container.type ?? 'container');
}

function parseState(text: string): TaskStateName {
  const state = STATES.find((known) => known === text);
  if (state) return state;
  const outcome = OUTCOMES.find((known) => known === text);
  throw unknownWord(text, outcome === undefined ? closest(text, STATES) : `--outcome ${outcome}`, {
    option: 'state',
    words: STATES,
  });
}

function parseOutcome(text: string): OutcomeKind {
  const outcome = OUTCOMES.find((known) => known === text);
  if (outcome) return outcome;
  throw unknownWord(text, closest(text, OUTCOMES), { option: 'outcome', words: OUTCOMES });
}

function unknownWord(
  text: string,
  near: string | null,
  { option, words }: { readonly option: string; readonly words: readonly string[] },
): BerthError {
  return new BerthError(`--${option} "${text}" is not known.`, {
    code: 'INVALID_VALUE',
    hint: near === null ? `It is one of ${words.join(', ')}.` : `Did you mean ${near}?`,
  });
}
