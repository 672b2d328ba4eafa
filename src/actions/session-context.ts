import type { ContextRequest } from '../core/context.ts';
import { isSessionName } from '../core/session-name.ts';
import type { Deps } from './deps.ts';
import type { OpenMatters } from './project-defaults.ts';

/**
 * A task for a session runs in that session's place, as far as nothing else was asked for: its directory, and where
 * berth made it, its container and its toolchain. What the task says of its own wins.
 *
 * @param target  name of the session; null or unknown changes nothing
 */
export async function inTargetPlace(
  deps: Deps,
  request: ContextRequest,
  { target, open }: { readonly target: string | null; readonly open: OpenMatters | null },
): Promise<ContextRequest> {
  if (target === null || open === null || !isSessionName(target)) return request;
  const terminal = await deps.terminals.find(target);
  if (terminal === null) return request;
  const place = terminal.request;
  if (place === null) {
    const { currentDir } = terminal.context;
    return { ...request, workdir: (open.workdir && currentDir) || request.workdir };
  }
  return {
    ...request,
    workdir: open.workdir ? place.workdir : request.workdir,
    env: { ...place.env, ...request.env },
    container: open.container && request.container === null ? place.container : request.container,
    venv: open.venv && request.venv.kind === 'off' ? place.venv : request.venv,
  };
}
