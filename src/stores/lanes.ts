import type { TaskRow } from './rows.ts';
import type { StoreParts } from './transitions.ts';
import { all, type Work } from './work.ts';

/**
 * The next task, by priority and then age, of the lanes that are still served; null when there is none.
 * `wanted` says how many more will be asked for.
 */
export type LaneQueue = (isServed: (lane: string) => boolean, wanted: number) => Work<TaskRow | null>;

interface Lane {
  readonly name: string;
  /** The next task of this lane is here, or later. */
  head: Position;
  /** Read already. */
  readonly rows: TaskRow[];
  /** How many the next read brings at least. */
  page: number;
}

interface Position {
  readonly priority: number;
  readonly id: number;
}

/**
 * Pending tasks of several lanes as one queue. A lane is read when its head is the next one, a page at a time,
 * so that of a hundred thousand tasks only those are read that are looked at. Tasks of groups that are full
 * or paused are passed over.
 */
export function* laneQueue(parts: StoreParts, names: readonly string[]): Work<LaneQueue> {
  let lanes = yield* lanesInUse(parts, names);
  return function* (isServed, wanted) {
    lanes = lanes.filter(({ name }) => isServed(name));
    for (;;) {
      const lane = lanes.reduce<Lane | null>(
        (best, one) => (best && isBefore(best.head, one.head) ? best : one),
        null,
      );
      if (lane === null) return null;
      const row = lane.rows.shift();
      if (row) {
        lane.head = lane.rows[0] ?? { priority: row.priority, id: row.id + 1 };
        return row;
      }
      lane.page = Math.min(Math.max(wanted, lane.page * 2), MAX_PAGE);
      lane.rows.push(...(yield* read(parts, lane)));
      const [first] = lane.rows;
      if (first) lane.head = first;
      else lanes = lanes.filter((one) => one !== lane);
    }
  };
}

const MAX_PAGE = 500;

function isBefore(a: Position, b: Position): boolean {
  return a.priority === b.priority ? a.id < b.id : a.priority > b.priority;
}

/** Those of the lanes that have a task, each at its head. */
function* lanesInUse({ dialect }: StoreParts, names: readonly string[]): Work<Lane[]> {
  const rows = yield* all<Position & { name: string }>(
    `with heads as materialized (
       select value as name, (
         select id from tasks where lane = value and state = 'pending' and ready = 1
         order by priority desc, id limit 1) as head
       from (${dialect.list('lanes', 'text')}) as lanes)
     select name, priority, id from heads join tasks on id = head`,
    { lanes: JSON.stringify(names) },
  );
  return rows.map(({ name, priority, id }) => ({ name, head: { priority, id }, rows: [], page: 0 }));
}

function read({ dialect }: StoreParts, { name, head, page }: Lane): Work<readonly TaskRow[]> {
  return all<TaskRow>(
    `select * from tasks where lane = :name and state = 'pending' and ready = 1
       and (priority < :priority or (priority = :priority and id >= :id))
       and (group_name is null or group_name not in (
         select name from groups where max_running <= (
           select count(*) from tasks as held where held.group_name = groups.name and held.state in ('assigned', 'running'))
         union all select name from pauses where kind = 'group'))
     order by priority desc, id limit :page ${dialect.unlocked}`,
    { name, priority: head.priority, id: head.id, page },
  );
}
