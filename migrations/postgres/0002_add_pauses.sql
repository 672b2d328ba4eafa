-- 0002 add pauses (postgres)
--
-- The queue, a group or a session can be told to start nothing more until it is resumed.
--
-- Safe while workers of the previous version run: they do not read this table, and go on starting tasks.
-- Twin: sqlite/0002_add_pauses.sql. Keep names and order equal.

create table pauses (
  kind text not null check (kind in ('queue', 'group', 'session')),
  name text collate "C" not null,                          -- of the group or session; empty for the queue
  at_ms bigint not null,
  primary key (kind, name)
);
