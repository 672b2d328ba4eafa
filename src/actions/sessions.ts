import type { Session } from '../core/session.ts';
import { forgetGoneSessions } from '../core/terminal.ts';
import type { Deps } from './deps.ts';

/** One row of `berth sessions --json`: the columns of the table `sessions`, JSON columns as values. */
export interface SessionColumns {
  readonly name: string;
  readonly host: string;
  readonly kind: Session['kind'];
  readonly status: Session['status'];
  readonly provider: string | null;
  readonly current_task_id: number | null;
  readonly current_dir: string | null;
  readonly git_branch: string | null;
  readonly env_vars: Readonly<Record<string, string>>;
  readonly container_id: string | null;
  readonly container_state: Session['context']['containerState'];
  readonly container_image: string | null;
  readonly container_type: string | null;
  readonly container_volumes: Readonly<Record<string, string>> | null;
  readonly container_ports: Readonly<Record<string, string>> | null;
  readonly container_service: string | null;
  readonly container_project: string | null;
  readonly container_namespace: string | null;
  readonly last_activity: string | null;
  readonly last_context_update: string | null;
}

export async function sessions(deps: Deps): Promise<readonly SessionColumns[]> {
  const store = await deps.store();
  await forgetGoneSessions(store, deps.terminals, deps.host.name);
  return (await store.sessions()).map(columnsOf);
}

function columnsOf({ context, ...session }: Session): SessionColumns {
  return {
    name: session.name,
    host: session.host,
    kind: session.kind,
    status: session.status,
    provider: session.provider,
    current_task_id: session.currentTaskId,
    current_dir: context.currentDir,
    git_branch: context.gitBranch,
    env_vars: context.envVars,
    container_id: context.containerId,
    container_state: context.containerState,
    container_image: context.containerImage,
    container_type: context.containerType,
    container_volumes: context.containerVolumes,
    container_ports: context.containerPorts,
    container_service: context.containerService,
    container_project: context.containerProject,
    container_namespace: context.containerNamespace,
    last_activity: iso(session.lastActivityMs),
    last_context_update: iso(session.lastContextUpdateMs),
  };
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
