import type { ContainerType, ResolvedContext } from '../core/context.ts';
import { isSecret } from '../core/secret.ts';
import { enteredState, type Session, type SessionContext, type SessionStatus } from '../core/session.ts';
import type { SqlValue } from './driver.ts';

/** A row of `sessions`: the column names that people query. */
export interface SessionColumns {
  readonly name: string;
  readonly host: string;
  readonly kind: 'tmux' | 'headless';
  readonly status: SessionStatus;
  readonly provider: string | null;
  readonly current_task_id: number | null;
  readonly current_dir: string | null;
  readonly git_branch: string | null;
  readonly env_vars: string;
  readonly container_id: string | null;
  readonly container_state: SessionContext['containerState'];
  readonly container_image: string | null;
  readonly container_type: ContainerType | null;
  readonly container_volumes: string | null;
  readonly container_ports: string | null;
  readonly container_service: string | null;
  readonly container_project: string | null;
  readonly container_namespace: string | null;
  readonly last_activity: string | null;
  readonly last_context_update: string | null;
}

/** All that `sessionOf` reads. */
export const SESSION_COLUMNS: readonly (keyof SessionColumns)[] = [
  'name',
  'host',
  'kind',
  'status',
  'provider',
  'current_task_id',
  'current_dir',
  'git_branch',
  'env_vars',
  'container_id',
  'container_state',
  'container_image',
  'container_type',
  'container_volumes',
  'container_ports',
  'container_service',
  'container_project',
  'container_namespace',
  'last_activity',
  'last_context_update',
];

export function sessionOf(row: SessionColumns): Session {
  return {
    name: row.name,
    host: row.host,
    kind: row.kind,
    status: row.status,
    provider: row.provider,
    currentTaskId: row.current_task_id,
    context: {
      currentDir: row.current_dir,
      gitBranch: row.git_branch,
      envVars: textMap(row.env_vars) ?? {},
      containerId: row.container_id,
      containerState: row.container_state,
      containerImage: row.container_image,
      containerType: row.container_type,
      containerVolumes: textMap(row.container_volumes),
      containerPorts: textMap(row.container_ports),
      containerService: row.container_service,
      containerProject: row.container_project,
      containerNamespace: row.container_namespace,
    },
    lastActivityMs: row.last_activity === null ? null : Date.parse(row.last_activity),
    lastContextUpdateMs: row.last_context_update === null ? null : Date.parse(row.last_context_update),
  };
}

function textMap(json: string | null): Readonly<Record<string, string>> | null {
  return json === null ? null : (JSON.parse(json) as Record<string, string>);
}

/** The columns of what is known of a session's context; only what is given. */
export function contextColumns(facts: Partial<SessionContext>): Record<string, SqlValue> {
  const columns: Record<string, SqlValue | undefined> = {
    current_dir: facts.currentDir,
    git_branch: facts.gitBranch,
    env_vars: facts.envVars && JSON.stringify(facts.envVars),
    container_id: facts.containerId,
    container_state: facts.containerState,
    container_image: facts.containerImage,
    container_type: facts.containerType,
    container_volumes: facts.containerVolumes && JSON.stringify(facts.containerVolumes),
    container_ports: facts.containerPorts && JSON.stringify(facts.containerPorts),
    container_service: facts.containerService,
    container_project: facts.containerProject,
    container_namespace: facts.containerNamespace,
  };
  return Object.fromEntries(
    Object.entries(columns).filter((entry): entry is [string, SqlValue] => entry[1] !== undefined),
  );
}

/** What a session is known to be in once an attempt has started. */
export function contextOfAttempt({ dir, env, git, container }: ResolvedContext): SessionContext {
  const plain = Object.entries(env).filter(([name, value]) => !isSecret(name, value));
  return {
    currentDir: dir.host,
    gitBranch: git?.branch ?? null,
    envVars: Object.fromEntries(plain),
    containerId: container?.id ?? null,
    containerState: enteredState(container),
    containerImage: container?.image ?? null,
    containerType: container?.type ?? null,
    containerVolumes: container?.volumes ?? null,
    containerPorts: container?.ports ?? null,
    containerService: container?.service ?? null,
    containerProject: container?.project ?? null,
    containerNamespace: container?.namespace ?? null,
  };
}
