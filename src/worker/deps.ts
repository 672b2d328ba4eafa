import type { AgentRuns } from '../core/agent.ts';
import type { ContainerWatch } from '../core/container-watch.ts';
import type { ContextRequest, ResolvedContext } from '../core/context.ts';
import type { BerthError } from '../core/errors.ts';
import type { Executor, RunEnd } from '../core/executor.ts';
import type { Host } from '../core/host.ts';
import type { Place, Runtime } from '../core/runtime.ts';
import type { Store } from '../core/store.ts';
import type { TerminalRuns } from '../core/terminal.ts';
import type { Journal } from './journal.ts';
import type { WorkerLease } from './lease.ts';

/** What running a task needs. `main.ts` puts it together from the real parts. */
export interface RunDeps {
  readonly store: Store;
  readonly host: Host;
  /** Runs without a terminal. */
  readonly executor: Executor;
  /** Sessions that have a terminal; left out where only slots are served. */
  readonly terminals?: TerminalRuns;
  /** Turns of agents; left out where only commands are served. */
  readonly agents?: AgentRuns;
  /** Keeps the rows of sessions true; left out where no worker serves them. */
  readonly containers?: ContainerWatch;
  runtime(kind: Place['runtime']): Runtime;
  resolve(request: ContextRequest): Promise<ResolvedContext>;
  /** The environment with the secret values that its references stand for. */
  reveal(env: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>>;
  /** When a run last wrote something, Unix milliseconds; null before it has. */
  lastOutputMs(runDirectory: string): Promise<number | null>;
  /** Outcomes on disk while the store is away; left out where the caller can wait. */
  readonly journal?: Journal;
  /** What this worker may believe of its lease; left out where no other host can take over. */
  readonly lease?: WorkerLease;
  /** Whether the engine's words say that the box was never entered. */
  entryFailure(place: Place, end: RunEnd): BerthError | null;
  /** Unix milliseconds. */
  now(): number;
  /** One line for the worker's log. */
  log(event: LogEvent): void;
}

export interface LogEvent {
  readonly event: string;
  readonly task?: number;
  readonly attempt?: number;
  readonly message?: string;
}
