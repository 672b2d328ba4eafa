import type { ContainerType, ResolvedContainer } from './context.ts';
import type { ContainerFacts } from './inspect.ts';

export type SessionStatus = 'idle' | 'busy' | 'waiting_input' | 'unknown';

/** A place that runs one task at a time. The row is the lock. */
export interface Session {
  /** `local/slot-1`, `local/run-1`, or a name the user gave. */
  readonly name: string;
  readonly host: string;
  readonly kind: 'tmux' | 'headless';
  readonly status: SessionStatus;
  readonly provider: string | null;
  readonly currentTaskId: number | null;
  readonly context: SessionContext;
  readonly lastActivityMs: number | null;
  readonly lastContextUpdateMs: number | null;
}

/** What is known of the place a session was last in. */
export interface SessionContext {
  readonly currentDir: string | null;
  readonly gitBranch: string | null;
  /** Secrets are left out. */
  readonly envVars: Readonly<Record<string, string>>;
  readonly containerId: string | null;
  /** Null without a container, and where no engine of this machine tells. */
  readonly containerState: ContainerFacts['state'] | 'gone' | null;
  readonly containerImage: string | null;
  readonly containerType: ContainerType | null;
  readonly containerVolumes: Readonly<Record<string, string>> | null;
  readonly containerPorts: Readonly<Record<string, string>> | null;
  readonly containerService: string | null;
  readonly containerProject: string | null;
  /** Of a pod or Job. */
  readonly containerNamespace: string | null;
}

export const EMPTY_CONTEXT: SessionContext = {
  currentDir: null,
  gitBranch: null,
  envVars: {},
  containerId: null,
  containerState: null,
  containerImage: null,
  containerType: null,
  containerVolumes: null,
  containerPorts: null,
  containerService: null,
  containerProject: null,
  containerNamespace: null,
};

/** What is known of a container's state because a task was put in it just now; of pods and Jobs nobody tells later. */
export function enteredState(container: ResolvedContainer | null): SessionContext['containerState'] {
  return container === null || container.runtime === 'kubernetes' ? null : 'running';
}
