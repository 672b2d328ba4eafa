-- 0004 add provider pauses (postgres)
--
-- The provider of an agent can be paused like a group, and is by itself when it names a usage limit: until a time
-- then, and for a reason.
--
-- Safe while workers of the previous version run: they do not know this kind, and go on starting its prompts.
-- Twin: sqlite/0004_add_provider_pauses.sql. Keep names and order equal.

alter table pauses drop constraint pauses_kind_check;
alter table pauses add constraint pauses_kind_check check (kind in ('queue', 'group', 'session', 'provider'));
alter table pauses add column until_ms bigint;  -- Unix time, milliseconds; null: until it is resumed
alter table pauses add column reason text;      -- the provider's own words
