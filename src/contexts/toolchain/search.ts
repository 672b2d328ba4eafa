import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Toolchain } from '../../core/context.ts';
import type { Host } from '../../core/host.ts';
import { kindOf } from '../detect/files.ts';
import type { Environment } from '../devcontainer.ts';

/** Where to look, and with whose eyes. */
export interface Search {
  /** The work directory and the parents that count, nearest first. */
  readonly dirs: readonly string[];
  readonly environment: Environment;
  readonly home: string;
  /** Null: no program is asked, files have to do. */
  readonly host: Host | null;
}

export interface FoundToolchain {
  readonly toolchain: Toolchain | null;
  /** Whole sentences. */
  readonly warnings: readonly string[];
}

export const NOTHING: FoundToolchain = { toolchain: null, warnings: [] };

const ASK_TIMEOUT_MS = 5000;

/** What a program prints; null when it is not there, fails or takes longer than 5 s. */
export async function ask(search: Search, argv: readonly string[], cwd: string): Promise<string | null> {
  if (search.host === null || !isInstalled(search, argv[0] ?? '')) return null;
  const result = await search.host.exec({ argv, cwd, env: {} }, { timeoutMs: ASK_TIMEOUT_MS });
  return result.exitCode === 0 ? result.stdout.trim() : null;
}

/** Whether a program is on PATH; nothing is started. */
export function isInstalled({ environment }: Search, program: string): boolean {
  const dirs = (environment['PATH'] ?? '').split(delimiter).filter((dir) => dir !== '');
  return dirs.some((dir) => isExecutable(join(dir, program)));
}

export function isExecutable(path: string): boolean {
  if (kindOf(path) !== 'file') return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
