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
