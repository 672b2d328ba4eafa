import createTheQueue from '../../../migrations/postgres/0001_create_the_queue.sql?raw';
import addPauses from '../../../migrations/postgres/0002_add_pauses.sql?raw';
import addContainerState from '../../../migrations/postgres/0003_add_container_state.sql?raw';
import addProviderPauses from '../../../migrations/postgres/0004_add_provider_pauses.sql?raw';
import addContainerNamespace from '../../../migrations/postgres/0005_add_container_namespace.sql?raw';
import type { Migration } from '../migrations.ts';

/** The twins of SQLite's: the same numbers and names. */
export const POSTGRES_MIGRATIONS: readonly Migration[] = [
  { version: 1, name: '0001_create_the_queue', sql: createTheQueue },
  { version: 2, name: '0002_add_pauses', sql: addPauses },
  { version: 3, name: '0003_add_container_state', sql: addContainerState },
  { version: 4, name: '0004_add_provider_pauses', sql: addProviderPauses },
  { version: 5, name: '0005_add_container_namespace', sql: addContainerNamespace },
];
