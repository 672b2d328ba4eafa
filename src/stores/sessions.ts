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

/** @returns false when there is no such session */
export function updateSession(
  { database, now }: StoreParts,
  name: string,
  facts: Partial<SessionContext> & { readonly status?: SessionStatus },
): boolean {
  const columns: Record<string, SqlValue> = {
    ...contextColumns(facts),
    last_context_update: new Date(now()).toISOString(),
  };
  if (facts.status !== undefined) columns.status = facts.status;
  return (
    database.run(`update sessions set ${assignments(columns)} where name = :where_name`, {
      ...columns,
      where_name: name,
    }) === 1
  );
}
