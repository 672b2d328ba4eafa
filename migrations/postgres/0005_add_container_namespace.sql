-- 0005 add container namespace (postgres)
--
-- Pods of different namespaces may have one name; the id of a pod's container alone does not tell where it is.
--
-- Safe while workers of the previous version run: they never read nor write this column, so it is null or old there.
-- Twin: sqlite/0005_add_container_namespace.sql. Keep names and order equal.

alter table sessions add column container_namespace text;  -- of a pod or Job; null for every other container
