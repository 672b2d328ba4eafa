import { type Dialect, put } from '../work.ts';

/** @param lock  names the queue's advisory lock; whoever has it is alone with the match until the commit */
export function postgresDialect(lock: readonly [number, number]): Dialect {
  return {
    locked: 'for update',
    unlocked: 'for update skip locked',
    lockedTasks: 'for update of tasks',
    list: (name, type) =>
      `select value::${type} from json_array_elements_text(cast(:${name} as json)) as value`,
    isIn: (column, name, type) =>
      `${column} = any (array(select value::${type} from json_array_elements_text(cast(:${name} as json)) as value))`,
    rows: (columns) =>
      `json_to_recordset(cast(:rows as json)) as given (${columns.map((name) => `${name} ${typeOf(name)}`).join(', ')})`,
    isGiven: (column, key) =>
      `${column} = any (array(select (value ->> '${key}')::${typeOf(key)} from json_array_elements(cast(:rows as json)) as value))`,
    bulk: (columns, rest) =>
      `select json_agg(json_build_array(${columns.join(', ')}))::text as rows from (select ${columns.join(', ')} ${rest}) as given`,
    alone: () => put(`select pg_advisory_xact_lock(${lock.join(', ')})`),
    // a machine may have worked for other databases, with the same ids
    runDirectory: ({ id, created_at_ms }, attempt) => `${id}-${attempt}-${created_at_ms.toString(36)}`,
    *idsImported() {
      for (const table of ['tasks', 'events']) {
        yield* put(
          `select setval(pg_get_serial_sequence('${table}', 'id'), (select max(id) from ${table})) from ${table} limit 1`,
        );
      }
    },
  };
}

/** Of a column of our tables. */
function typeOf(column: string): string {
  if (column.endsWith('_ms') || BIGINTS.includes(column)) return 'bigint';
  return INTEGERS.includes(column) ? 'integer' : 'text';
}

const BIGINTS = ['id', 'fence', 'was_fence', 'worker_epoch'];
const INTEGERS = ['place', 'priority', 'attempt', 'ready', 'worker_deaths', 'exit_code', 'oom'];
