-- 0004 add provider pauses (sqlite)
--
-- The provider of an agent can be paused like a group, and is by itself when it names a usage limit: until a time
-- then, and for a reason. SQLite cannot change a check, so the table is made anew.
--
-- Safe while workers of the previous version run: they do not know this kind, and go on starting its prompts.
-- Twin: postgres/0004_add_provider_pauses.sql. Keep names and order equal.

create table pauses_of_more_kinds (
  kind text not null check (kind in ('queue', 'group', 'session', 'provider')),
  name text not null,                          -- of the group, session or provider; empty for the queue
  at_ms integer not null,
  until_ms integer,                            -- Unix time, milliseconds; null: until it is resumed
  reason text,                                 -- the provider's own words
  primary key (kind, name)
) strict, without rowid;

insert into pauses_of_more_kinds (kind, name, at_ms) select kind, name, at_ms from pauses;
drop table pauses;
alter table pauses_of_more_kinds rename to pauses;
