import { laneOf } from '../core/lanes.ts';
import { specOf, type TaskRow } from './rows.ts';
import { sha256 } from './spec-text.ts';
import { all, type Work } from './work.ts';

/** Every rule of the queue that can be read off the tables; one sentence for each breach. */
export function* findProblems(): Work<readonly string[]> {
  const problems: string[] = [];
  for (const [rule, sql] of RULES) {
    const rows = yield* all<{ what: string }>(`${sql} limit ${MOST}`);
    problems.push(...rows.map(({ what }) => `${what} ${rule}`));
  }
  problems.push(...(yield* changedSpecs()));
  return problems;
}

/** Of one rule; the first ones tell enough. */
const MOST = 100;

/** What is wrong, and a query for what it is wrong with. */
const RULES: readonly (readonly [string, string])[] = [
  [
    'is held, but has not exactly one open attempt with its number and fence',
    `select 'Task ' || id as what from tasks where state in ('assigned', 'running') and 1 <> (
       select count(*) from attempts where task_id = id and attempts.outcome is null
         and number = attempt and attempts.fence = tasks.fence and attempts.worker = tasks.worker)`,
  ],
  [
    'has an open attempt, but nobody holds the task',
    `select 'Attempt ' || number || ' of task ' || task_id as what from attempts join tasks on id = task_id
     where attempts.outcome is null and state in ('pending', 'finished')`,
  ],
  [
    'has gaps in the numbers of its attempts',
    `select 'Task ' || id as what from tasks
     where attempt <> (select count(*) from attempts where task_id = id)
       or attempt <> (select coalesce(max(number), 0) from attempts where task_id = id)`,
  ],
  [
    'is held, but its session does not have it',
    `select 'Task ' || id as what from tasks where state in ('assigned', 'running')
       and not exists (select 1 from sessions where name = session and current_task_id = id)`,
  ],
  [
    'has a task that does not have it',
    `select 'Session ' || name as what from sessions where current_task_id is not null and not exists (
       select 1 from tasks where id = current_task_id and session = name and state in ('assigned', 'running'))`,
  ],
  [
    'has a history that ends in another state',
    `select 'Task ' || id as what from tasks where state <> coalesce((
       select case kind when 'assigned' then 'assigned' when 'started' then 'running' when 'adopted' then 'running'
         when 'finished' then 'finished' else 'pending' end
       from events where task_id = tasks.id and kind in (${transitions()})
       order by events.id desc limit 1), '')`,
  ],
  [
    'was started more often than it was assigned',
    `select 'Task ' || task_id as what from events group by task_id
     having count(*) filter (where kind = 'started') > count(*) filter (where kind = 'assigned')`,
  ],
  [
    'has finished more often than it was sent or retried',
    `select 'Task ' || task_id as what from events group by task_id
     having count(*) filter (where kind = 'finished') > 1 + count(*) filter (where kind = 'retried')`,
  ],
  [
    'waits for another number of tasks than its dependencies say',
    `select 'Task ' || id as what from tasks where state = 'pending' and waiting_for <> (
       select count(*) from dependencies join tasks as parent on parent.id = parent_id
       where task_id = tasks.id and parent.outcome is distinct from 'succeeded')`,
  ],
  [
    'was started before a task that it waits for had ever succeeded',
    `select distinct 'Task ' || child.task_id as what from dependencies as child
     join events as begun on begun.task_id = child.task_id and begun.kind = 'started'
     where not exists (select 1 from events as ended where ended.task_id = parent_id
       and ended.kind = 'finished' and ended.reason = 'succeeded' and ended.id < begun.id)`,
  ],
  [
    'is held by a worker that is not known',
    `select 'Task ' || id as what from tasks where state in ('assigned', 'running')
       and not exists (select 1 from workers where name = worker)`,
  ],
];

function transitions(): string {
  const kinds = [
    'added',
    'assigned',
    'started',
    'adopted',
    'released',
    'returned',
    'retrying',
    'finished',
    'retried',
  ];
  return kinds.map((kind) => `'${kind}'`).join(', ');
}

/** Read a thousand at a time: a queue may hold a million. */
function* changedSpecs(): Work<readonly string[]> {
  const problems: string[] = [];
  for (let after = 0; ; ) {
    const rows = yield* all<TaskRow>('select * from tasks where id > :after order by id limit 1000', {
      after,
    });
    for (const row of rows) {
      if (sha256(row.spec) !== row.spec_hash)
        problems.push(`Task ${row.id} is not the one that was sent: its hash differs`);
      else if (laneOf(specOf(row)) !== row.lane)
        problems.push(`Task ${row.id} waits in a lane that is not its own`);
    }
    const last = rows.at(-1);
    if (last === undefined) return problems;
    after = last.id;
  }
}
