import type { Session, SessionContext, SessionStatus } from '../core/session.ts';
import type { SessionRow } from '../core/store.ts';
import type { SqlValue } from './driver.ts';
import { contextColumns, type SessionColumns, sessionOf } from './session-rows.ts';
import { assignments, type StoreParts } from './transitions.ts';
import { all, put, run, type Work } from './work.ts';

export function* readSessions(): Work<readonly Session[]> {
  const rows = yield* all<SessionColumns>('select * from sessions order by name');
  return rows.map(sessionOf);
}

/** A session that is busy stays so: its task may have outlived the worker that started it. */
export function putSession({ epochs }: StoreParts, session: SessionRow): Work<void> {
  const { name, host, kind, provider, worker } = session;
  return put(
    `insert into sessions (name, host, kind, status, provider, worker, worker_epoch)
     values (:name, :host, :kind, 'idle', :provider, :worker, :epoch)
     on conflict (name) do update set host = excluded.host, kind = excluded.kind, provider = excluded.provider,
       worker = excluded.worker, worker_epoch = excluded.worker_epoch,
       status = case when sessions.current_task_id is null then 'idle' else sessions.status end`,
    { name, host, kind, provider, worker, epoch: worker === null ? null : (epochs.get(worker) ?? null) },
  );
}

/** @returns false when there is none, or when it runs a task */
export function* removeSession(name: string): Work<boolean> {
  const removed = yield* run('delete from sessions where name = :name and current_task_id is null', {
    name,
  });
  return removed === 1;
}

export interface SessionChange {
  readonly facts: Partial<SessionContext> & { readonly status?: SessionStatus };
  /** Id of the container that the facts are about: a session that is in another one by now stays as it is. */
  readonly onlyIn: string | null | undefined;
}

/** A session that runs a task never becomes idle by this. @returns false when there is no such session */
export function* updateSession(
  { now }: StoreParts,
  name: string,
  { facts, onlyIn }: SessionChange,
): Work<boolean> {
  const { status = null } = facts;
  const columns: Record<string, SqlValue> = {
    ...contextColumns(facts),
    last_context_update: new Date(now()).toISOString(),
  };
  const changed = yield* run(
    `update sessions set ${assignments(columns)},
       status = case when :where_status = 'idle' and current_task_id is not null then status
         else coalesce(:where_status, status) end
     where name = :where_name ${onlyIn === undefined ? '' : `and coalesce(container_id, '') = :where_container`}`,
    {
      ...columns,
      where_name: name,
      where_status: status,
      ...(onlyIn !== undefined && { where_container: onlyIn ?? '' }),
    },
  );
  return changed === 1;
}

/** At most so many tasks of a group at a time; null for no limit. */
export function setGroup(name: string, maxRunning: number | null): Work<void> {
  if (maxRunning === null) return put('delete from groups where name = :name', { name });
  return put(
    `insert into groups (name, max_running) values (:name, :maxRunning)
     on conflict (name) do update set max_running = excluded.max_running`,
    { name, maxRunning },
  );
}
