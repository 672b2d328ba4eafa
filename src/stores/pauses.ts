import type { Group, Pausable } from '../core/store.ts';
import type { StoreParts } from './transitions.ts';
import { all, run, type Work } from './work.ts';

export function* pause({ now }: StoreParts, what: Pausable): Work<boolean> {
  const added = yield* run(
    'insert into pauses (kind, name, at_ms) values (:kind, :name, :nowMs) on conflict (kind, name) do nothing',
    { ...keyOf(what), nowMs: now() },
  );
  return added === 1;
}

export function* resume(what: Pausable): Work<boolean> {
  return (yield* run('delete from pauses where kind = :kind and name = :name', keyOf(what))) === 1;
}

function keyOf(what: Pausable): { kind: string; name: string } {
  return { kind: what.kind, name: what.kind === 'queue' ? '' : what.name };
}

export function* readPauses(): Work<readonly Pausable[]> {
  const rows = yield* all<{ kind: Pausable['kind']; name: string }>(
    'select kind, name from pauses order by kind, name',
  );
  return rows.map(({ kind, name }) => (kind === 'queue' ? { kind } : { kind, name }));
}

export function* readGroups(): Work<readonly Group[]> {
  const rows = yield* all<{
    name: string;
    limit: number | null;
    paused: number;
    pending: number;
    running: number;
  }>(
    `select known.name, max_running as "limit",
       (select count(*) from pauses where kind = 'group' and pauses.name = known.name) as paused,
       (select count(*) from tasks where group_name = known.name and state = 'pending') as pending,
       (select count(*) from tasks where group_name = known.name and state in ('assigned', 'running')) as running
     from (
       select name from groups union select name from pauses where kind = 'group'
       union select group_name from tasks where state <> 'finished' and group_name is not null) as known
     left join groups on groups.name = known.name
     order by known.name`,
  );
  return rows.map(({ name, limit, paused, pending, running }) => ({
    name,
    maxRunning: limit,
    paused: paused > 0,
    pending,
    running,
  }));
}
