import { existsSync } from 'node:fs';
import type { ContextRequest } from '../core/context.ts';
import type { Deps } from './deps.ts';

/** Matters that were not decided, and that the project's `berth.yaml` may settle. */
export interface OpenMatters {
  readonly container: boolean;
  readonly venv: boolean;
  /** Settled by the session that a task is for, if berth made it. */
  readonly workdir: boolean;
}

/**
 * What was asked for, with the defaults of the project. @param open  null when everything is decided
 *
 * @throws {BerthError} `CONFIG_INVALID` with the line, for a `berth.yaml` that cannot be read
 */
export async function withProject(
  deps: Deps,
  request: ContextRequest,
  open: OpenMatters | null,
): Promise<ContextRequest> {
  if (open === null) return request;
  // a project that is on both hosts says the same here
  if (request.host !== 'local' && !existsSync(request.workdir)) return request;
  const { loadProjectFile, withProjectDefaults } = await import('../contexts/project-file.ts');
  return withProjectDefaults(request, await loadProjectFile(request.workdir, deps.home), open);
}
