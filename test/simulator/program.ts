import { openDatabase } from '../../src/stores/driver.ts';
import { migrate } from '../../src/stores/migrate.ts';
import { SQLITE_MIGRATIONS } from '../../src/stores/migrations.ts';
import { simulate } from './simulate.ts';

export interface Violation {
  readonly seed: number;
  readonly found: readonly string[];
}

/** Histories of these seeds until one breaks a rule; null for none. */
export function findViolation(from: number, count: number): Violation | null {
  const database = openDatabase(':memory:', { readOnly: false });
  migrate(database, { nowMs: 0, migrations: SQLITE_MIGRATIONS });
  try {
    for (let seed = from; seed < from + count; seed += 1) {
      const found = simulate(database, seed);
      if (found.length > 0) return { seed, found };
    }
    return null;
  } finally {
    database.close();
  }
}
