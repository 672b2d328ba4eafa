/** Everything that can be set, each with where its value comes from. */
export interface Settings {
  /** Tasks that a worker runs at a time. */
  readonly slots: Setting<number>;
  /** Name of this machine's worker. */
  readonly workerName: Setting<string>;
  /** Limit of a task that names none; null is no limit. */
  readonly timeoutMs: Setting<number | null>;
  /** Time between TERM and KILL. */
  readonly graceMs: Setting<number>;
  /** Further attempts of a task that names none. */
  readonly retries: Setting<number>;
  /** Priority of a task that names none, 0 to 10. */
  readonly priority: Setting<number>;
  /** Days after which `berth clear` removes finished tasks. */
  readonly keepDays: Setting<number>;
  /** Shell line that a worker runs when a task ends or waits for somebody. Never from a project's file. */
  readonly notify: Setting<string | null>;
  /** Of the queue that machines share; null for the file in the state folder. Never from a project's file. */
  readonly databaseUrl: Setting<string | null>;
}

export interface Setting<T> {
  readonly value: T;
  readonly origin: Origin;
}

/** Later ones win: built-in, the user's file, the project's file, the environment, a flag. */
export type Origin =
  | { readonly kind: 'built-in' }
  | { readonly kind: 'file'; readonly path: string; readonly line: number | null }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string };

/** How each setting is written: its key in a file, its variable in the environment. */
export const SETTING_NAMES: {
  readonly [K in keyof Settings]: { readonly key: string; readonly variable: string };
} = {
  slots: { key: 'worker.slots', variable: 'BERTH_SLOTS' },
  workerName: { key: 'worker.name', variable: 'BERTH_WORKER' },
  timeoutMs: { key: 'timeout', variable: 'BERTH_TIMEOUT' },
  graceMs: { key: 'grace', variable: 'BERTH_GRACE' },
  retries: { key: 'retries', variable: 'BERTH_RETRIES' },
  priority: { key: 'priority', variable: 'BERTH_PRIORITY' },
  keepDays: { key: 'keep_days', variable: 'BERTH_KEEP_DAYS' },
  notify: { key: 'notify', variable: 'BERTH_NOTIFY' },
  databaseUrl: { key: 'database.url', variable: 'BERTH_DATABASE_URL' },
};
