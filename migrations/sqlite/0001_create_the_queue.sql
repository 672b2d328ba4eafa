-- 0001 create the queue (sqlite)
--
-- Tasks, their attempts and history, the sessions that run them and the workers that own those.
-- The first schema, so no earlier worker has to survive it.
-- Times are Unix milliseconds (`_ms`), but for the two of `sessions` that people read.
-- Everything here can be read by the sqlite3 3.40 program.
-- Twin: postgres/0001_create_the_queue.sql. Keep names and order equal.

create table tasks (
  id integer primary key autoincrement,        -- grows with age, is never used again
  idempotency_key text,
  spec text not null,                          -- canonical JSON, without secret values
  spec_hash text not null,                     -- SHA-256 of spec, hexadecimal
  kind text not null check (kind in ('line', 'argv', 'prompt')),
  content text not null,                       -- its beginning, for people
  host text not null,
  directory text not null,
  priority integer not null check (priority between 0 and 10),
  group_name text,
  lane text not null,                          -- which sessions may run it, see src/core/match.ts
  state text not null check (state in ('pending', 'assigned', 'running', 'finished')),
  ready integer not null check (ready in (0, 1)),  -- nothing but a session is missing
  waiting_for integer not null default 0,      -- tasks that must succeed first
  run_at_ms integer not null,
  attempt integer not null default 0,          -- number of the latest one
  fence integer not null default 0,            -- grows each time the task is handed out
  worker text,
  worker_epoch integer,
  session text,
  worker_deaths integer not null default 0,    -- workers that died between taking and starting it
  stop_requested text check (stop_requested in ('cancelled', 'timed_out', 'idle')),
  outcome text check (outcome in ('succeeded', 'failed', 'cancelled', 'timed_out', 'not_started', 'lost')),
  exit_code integer check (exit_code between 0 and 255),
  signal text,
  oom integer check (oom in (0, 1)),
  cause text,
  error_code text,
  hint text,
  created_at_ms integer not null,
  assigned_at_ms integer,
  started_at_ms integer,
  finished_at_ms integer,
  check ((state = 'finished') = (outcome is not null)),
  check ((state = 'finished') = (finished_at_ms is not null)),
  check ((state in ('assigned', 'running')) = (worker is not null and session is not null)),
  check ((exit_code is not null) = (outcome is not null and outcome in ('succeeded', 'failed')))
) strict;

create unique index tasks_key on tasks (idempotency_key) where idempotency_key is not null;
create index tasks_ready on tasks (lane, priority desc, id) where state = 'pending' and ready = 1;
create index tasks_due on tasks (run_at_ms) where state = 'pending' and ready = 0 and waiting_for = 0;
create index tasks_unfinished on tasks (id, state) where state <> 'finished';
create index tasks_held on tasks (worker, state) where state in ('assigned', 'running');
create unique index tasks_one_per_session on tasks (session) where state in ('assigned', 'running');
create index tasks_finished on tasks (finished_at_ms) where state = 'finished';

create table dependencies (
  task_id integer not null references tasks (id) on delete cascade,
  parent_id integer not null references tasks (id) on delete cascade,
  primary key (task_id, parent_id)
) strict, without rowid;

create index dependencies_parent on dependencies (parent_id);

create table attempts (
  task_id integer not null references tasks (id) on delete cascade,
  number integer not null check (number >= 1),
  fence integer not null,
  worker text not null,
  host text not null,
  session text not null,
  context text,                                -- what the request meant then and there, JSON
  run_directory text not null,                 -- below runs/
  outcome text check (outcome in ('succeeded', 'failed', 'cancelled', 'timed_out', 'not_started', 'lost')),
  exit_code integer check (exit_code between 0 and 255),
  signal text,
  oom integer check (oom in (0, 1)),
  cause text,
  error_code text,
  hint text,
  assigned_at_ms integer not null,
  started_at_ms integer,
  finished_at_ms integer,
  primary key (task_id, number),
  check ((finished_at_ms is not null) = (outcome is not null)),
  check ((exit_code is not null) = (outcome is not null and outcome in ('succeeded', 'failed')))
) strict;

create trigger attempts_outcome_is_final before update on attempts when old.outcome is not null
begin
  select raise(abort, 'the outcome of an attempt never changes');
end;

create table events (
  id integer primary key,
  task_id integer not null references tasks (id) on delete cascade,
  at_ms integer not null,
  kind text not null,                          -- a transition of src/core/state.ts, or a note
  worker text,
  reason text
) strict;

create index events_task on events (task_id, id);

create trigger events_are_not_edited before update on events
begin
  select raise(abort, 'events are append-only');
end;

create trigger events_stay_with_their_task before delete on events
when exists (select 1 from tasks where id = old.task_id)
begin
  select raise(abort, 'events are append-only');
end;

create table workers (
  name text primary key,
  kind text not null check (kind in ('worker', 'foreground')),
  epoch integer not null,                      -- grows each time another process takes the name
  host text not null,
  pid integer not null,
  start_time text not null,                    -- with pid and boot_id: which process it is
  boot_id text not null,
  started_at_ms integer not null,
  seen_at_ms integer not null,
  lease_until_ms integer not null,
  stopped_at_ms integer                        -- it left by itself; what it held waits for the next one
) strict;

create table sessions (
  name text primary key,
  host text not null,
  kind text not null check (kind in ('tmux', 'headless')),
  status text not null check (status in ('idle', 'busy', 'waiting_input', 'unknown')),
  provider text,
  worker text,                                 -- null: any worker of the host may use it
  worker_epoch integer,
  current_task_id integer unique references tasks (id),
  current_dir text,
  git_branch text,
  env_vars text not null default '{}',         -- JSON, secrets left out
  container_id text,
  container_image text,
  container_type text,
  container_volumes text,                      -- JSON {"/host":"/container"}
  container_ports text,                        -- JSON {"8080":"3000"}
  container_service text,
  container_project text,
  last_activity text,                          -- ISO 8601, UTC
  last_context_update text,                    -- ISO 8601, UTC
  check (current_task_id is null or status <> 'idle')
) strict;

create table groups (
  name text primary key,
  max_running integer not null check (max_running >= 0)
) strict;

create table migrations (
  version integer primary key,
  name text not null,
  applied_at_ms integer not null
) strict;
