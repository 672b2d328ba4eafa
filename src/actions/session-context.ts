import type { ContextRequest } from '../core/context.ts';
import { isSessionName } from '../core/session-name.ts';
import type { Deps } from './deps.ts';
import type { OpenMatters } from './project-defaults.ts';

/**
 * A task for a session that berth made runs in that session's place, as far as nothing else was asked for:
 * its directory, its container, its toolchain. What the task says of its own wins.
 *
 * @param target  name of the session; null or unknown changes nothing
 */
export async function inTargetPlace(
  deps: Deps,
  request: ContextRequest,
  { target, open }: { readonly target: string | null; readonly open: OpenMatters | null },
): Promise<ContextRequest> {
  if (target === null || open === null || !isSessionName(target)) return request;
  const place = (await deps.terminals.find(target))?.request;
  if (!place) return request;
  return {
    ...request,
    workdir: open.workdir ? place.workdir : request.workdir,
    env: { ...place.env, ...request.env },
    container: open.container && request.container === null ? place.container : request.container,
    venv: open.venv && request.venv.kind === 'off' ? place.venv : request.venv,
  };
}
