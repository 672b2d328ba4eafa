import { isAbsolute, join } from 'node:path';
import type { Toolchain, VenvRequest } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import { searchPath } from './detect/search-path.ts';
import { visible } from './detect/visible.ts';
import type { Environment } from './devcontainer.ts';
import { findDirenv, findMise } from './toolchain/allowed.ts';
import { environmentAt } from './toolchain/environment.ts';
import { findPython } from './toolchain/python.ts';
import { type FoundToolchain, NOTHING, type Search } from './toolchain/search.ts';
import { findVersion } from './toolchain/versions.ts';

export { containerToolchainScript } from './toolchain/container-script.ts';
export type { FoundToolchain } from './toolchain/search.ts';

/** The side of the host; for the side of a container see `containerToolchainScript`. */
export interface ToolchainSide {
  readonly environment: Environment;
  /** The user's home directory. */
  readonly home: string;
  /** Asked only where files leave it open, 5 s at most; null asks nobody. */
  readonly host: Host | null;
}

/**
 * Find the toolchain of a directory: a Python environment, the Node and Ruby versions that its files ask for,
 * and what direnv and mise would set where the user has allowed them. What is asked for but missing is a warning
 * that names the missing program. Several parts become one toolchain.
 *
 * @throws {BerthError} `TOOLCHAIN_MISSING` when `--venv DIR` is no environment; `DIRECTORY_NOT_FOUND`
 */
export async function findToolchain(
  dir: string,
  request: VenvRequest,
  side: ToolchainSide,
): Promise<FoundToolchain> {
  if (request.kind === 'off') return NOTHING;
  if (request.kind === 'dir') return { toolchain: requiredEnvironment(dir, request.dir), warnings: [] };
  const search: Search = { ...side, dirs: searchPath(dir, side.home).dirs };
  const [direnv, mise] = [await findDirenv(search), await findMise(search)];
  const parts = [direnv, mise];
  const env = { ...direnv.toolchain?.env, ...mise.toolchain?.env };
  if (env['VIRTUAL_ENV'] === undefined && env['CONDA_PREFIX'] === undefined)
    parts.unshift(await findPython(search));
  if (mise.toolchain === null)
    parts.push(await findVersion('node', search), await findVersion('ruby', search));
  return {
    toolchain: joined(parts.map(({ toolchain }) => toolchain).filter((toolchain) => toolchain !== null)),
    warnings: [...new Set(parts.flatMap(({ warnings }) => warnings))],
  };
}

function requiredEnvironment(dir: string, venv: string): Toolchain {
  const path = isAbsolute(venv) ? venv : join(dir, venv);
  const found = environmentAt(path, 'named by --venv');
  if (found !== null) return found;
  throw new BerthError(`${visible(path)} is no Python environment: it has no bin/python with a pyvenv.cfg.`, {
    code: 'TOOLCHAIN_MISSING',
    hint: `Make one with \`python3 -m venv ${visible(venv)}\`.`,
  });
}

/** Earlier parts come first on PATH and win over variables of later ones. */
function joined(parts: readonly Toolchain[]): Toolchain | null {
  const [first] = parts;
  if (first === undefined) return null;
  return {
    kind: parts.map(({ kind }) => kind).join('+'),
    dir: parts.find(({ dir }) => dir !== null)?.dir ?? null,
    path: [...new Set(parts.flatMap(({ path }) => path))],
    env: Object.assign({}, ...parts.map(({ env }) => env).reverse()) as Readonly<Record<string, string>>,
    reason: parts.map(({ reason }) => reason).join('; '),
  };
}
