import { join } from 'node:path';
import { kindOf, textOf } from '../detect/files.ts';
import { tiltfileKind } from '../kubernetes-files.ts';
import { type ComposeSource, findComposeFiles } from './find.ts';

/** A Tiltfile that starts Compose services. */
export interface ComposeTiltfile {
  readonly path: string;
  /** Compose files that it names, as written; empty where they are computed. */
  readonly files: readonly string[];
}

export function composeTiltfile(dir: string): ComposeTiltfile | null {
  const path = join(dir, 'Tiltfile');
  if (kindOf(path) !== 'file') return null;
  const { kind, composeFiles } = tiltfileKind(textOf(path) ?? '');
  return kind === 'compose' ? { path, files: composeFiles } : null;
}

/** The Compose project of exactly this directory: what Compose itself finds, else what its Tiltfile names. */
export async function findComposeProject(
  dir: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ComposeSource | null> {
  const found = await findComposeFiles(dir, { environment });
  if (found !== null) return found;
  const composeFiles = composeTiltfile(dir)?.files ?? [];
  return composeFiles.length === 0 ? null : findComposeFiles(dir, { environment, composeFiles });
}
