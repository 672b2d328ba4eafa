import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
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

/**
 * What a program prints, started with the search's own environment; null when it is not there, fails or takes
 * longer than 5 s.
 */
export async function ask(search: Search, argv: readonly string[], cwd: string): Promise<string | null> {
  const [name = '', ...args] = argv;
  const program = programPath(search, name);
  if (search.host === null || program === null) return null;
  const env = Object.fromEntries(
    Object.entries(search.environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const result = await search.host.exec(
    { argv: [program, ...args], cwd, env },
    { timeoutMs: ASK_TIMEOUT_MS },
  );
  return result.exitCode === 0 ? result.stdout.trim() : null;
}

/** Whether a program is on PATH; nothing is started. */
export function isInstalled(search: Search, name: string): boolean {
  return programPath(search, name) !== null;
}

function programPath({ environment }: Search, name: string): string | null {
  // a relative entry of PATH would take programs out of the project
  const dirs = (environment['PATH'] ?? '').split(delimiter).filter((dir) => isAbsolute(dir));
  return dirs.map((dir) => join(dir, name)).find(isExecutable) ?? null;
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
