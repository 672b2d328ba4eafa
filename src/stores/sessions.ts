import type { Session, SessionContext, SessionStatus } from '../core/session.ts';
import type { SessionRow } from '../core/store.ts';
import type { Database, SqlValue } from './driver.ts';
import { contextColumns, type SessionColumns, sessionOf } from './session-rows.ts';
import { assignments, type StoreParts } from './transitions.ts';

export function readSessions(database: Database): readonly Session[] {
  return database.all<SessionColumns>('select * from sessions order by name').map(sessionOf);
}

/** A session that is busy stays so: its task may have outlived the worker that started it. */
export function putSession({ database, epochs }: StoreParts, session: SessionRow): void {
  const { name, host, kind, provider, worker } = session;
  database.run(
    `insert into sessions (name, host, kind, status, provider, worker, worker_epoch)
     values (:name, :host, :kind, 'idle', :provider, :worker, :epoch)
     on conflict (name) do update set host = excluded.host, kind = excluded.kind, provider = excluded.provider,
       worker = excluded.worker, worker_epoch = excluded.worker_epoch,
       status = iif(current_task_id is null, 'idle', status)`,
    { name, host, kind, provider, worker, epoch: worker === null ? null : (epochs.get(worker) ?? null) },
  );
}

/** @returns false when there is none, or when it runs a task */
export function removeSession(database: Database, name: string): boolean {
  return database.run('delete from sessions where name = :name and current_task_id is null', { name }) === 1;
}

/** A session that runs a task never becomes idle by this. @returns false when there is no such session */
export function updateSession(
  { database, now }: StoreParts,
  name: string,
  facts: Partial<SessionContext> & { readonly status?: SessionStatus },
): boolean {
  const { status = null } = facts;
  const columns: Record<string, SqlValue> = {
    ...contextColumns(facts),
    last_context_update: new Date(now()).toISOString(),
  };
  const changed = database.run(
    `update sessions set ${assignments(columns)},
       status = iif(:where_status is null or (:where_status = 'idle' and current_task_id is not null), status, :where_status)
     where name = :where_name`,
    { ...columns, where_name: name, where_status: status },
  );
  return changed === 1;
}

/** At most so many tasks of a group at a time; null for no limit. */
export function setGroup(database: Database, name: string, maxRunning: number | null): void {
  if (maxRunning === null) database.run('delete from groups where name = :name', { name });
  else {
    database.run(
      `insert into groups (name, max_running) values (:name, :maxRunning)
       on conflict (name) do update set max_running = excluded.max_running`,
      { name, maxRunning },
    );
  }
}
