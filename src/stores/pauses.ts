import type { Group, Pausable } from '../core/store.ts';
import type { StoreParts } from './transitions.ts';
import { all, put, run, type Work } from './work.ts';

/** A limit that is known already is only ever extended; what somebody paused stays so until it is resumed. */
export function* pause({ now }: StoreParts, what: Pausable): Work<boolean> {
  const nowMs = now();
  yield* put('delete from pauses where until_ms <= :nowMs', { nowMs });
  const limit = what.kind === 'provider' ? what.limit : null;
  const added = yield* run(
    `insert into pauses (kind, name, at_ms, until_ms, reason) values (:kind, :name, :nowMs, :untilMs, :reason)
     on conflict (kind, name) do update set until_ms = excluded.until_ms, reason = excluded.reason
       where pauses.until_ms is not null and (excluded.until_ms is null or excluded.until_ms > pauses.until_ms)`,
    { ...keyOf(what), nowMs, untilMs: limit?.untilMs ?? null, reason: limit?.reason ?? null },
  );
  return added === 1;
}

export function* resume(what: Pausable): Work<boolean> {
  return (yield* run('delete from pauses where kind = :kind and name = :name', keyOf(what))) === 1;
}

function keyOf(what: Pausable): { kind: string; name: string } {
  return { kind: what.kind, name: what.kind === 'queue' ? '' : what.name };
}

interface PauseRow {
  readonly kind: Pausable['kind'];
  readonly name: string;
  readonly until_ms: number | null;
  readonly reason: string | null;
}

export function* readPauses(): Work<readonly Pausable[]> {
  const rows = yield* all<PauseRow>('select kind, name, until_ms, reason from pauses order by kind, name');
  return rows.map(pausableOf);
}

function pausableOf({ kind, name, until_ms: untilMs, reason }: PauseRow): Pausable {
  if (kind === 'queue') return { kind };
  if (kind !== 'provider') return { kind, name };
  return { kind, name, limit: untilMs === null ? null : { untilMs, reason: reason ?? '' } };
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
