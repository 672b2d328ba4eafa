import createTheQueue from '../../migrations/sqlite/0001_create_the_queue.sql?raw';
import addPauses from '../../migrations/sqlite/0002_add_pauses.sql?raw';
import addContainerState from '../../migrations/sqlite/0003_add_container_state.sql?raw';
import addProviderPauses from '../../migrations/sqlite/0004_add_provider_pauses.sql?raw';
import addContainerNamespace from '../../migrations/sqlite/0005_add_container_namespace.sql?raw';

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** In order, without gaps; a released one is never edited. Read only when there is something to apply. */
export const SQLITE_MIGRATIONS: readonly Migration[] = [
  { version: 1, name: '0001_create_the_queue', sql: createTheQueue },
  { version: 2, name: '0002_add_pauses', sql: addPauses },
  { version: 3, name: '0003_add_container_state', sql: addContainerState },
  { version: 4, name: '0004_add_provider_pauses', sql: addProviderPauses },
  { version: 5, name: '0005_add_container_namespace', sql: addContainerNamespace },
];
