-- 0003 add container state (sqlite)
--
-- A container can be paused or stopped under a session that is in it; its id alone does not tell.
--
-- Safe while workers of the previous version run: they never read nor write this column, so it is null or old there.
-- Twin: postgres/0003_add_container_state.sql. Keep names and order equal.

alter table sessions add column container_state text;  -- the engine's word, or gone; null: unknown, or no container
