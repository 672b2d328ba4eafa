import { delimiter, join } from 'node:path';
import type { Toolchain } from '../../core/context.ts';
import { kindOf } from '../detect/files.ts';
import { visible } from '../detect/visible.ts';
import { ask, type FoundToolchain, isInstalled, NOTHING, type Search } from './search.ts';
import { MISE_FILES } from './version-requests.ts';

/**
 * direnv runs what `.envrc` says, so direnv decides: it refuses a file that the user has not allowed, and
 * one that was changed since.
 */
export async function findDirenv(search: Search): Promise<FoundToolchain> {
  const dir = search.dirs.find((candidate) => kindOf(join(candidate, '.envrc')) === 'file');
  if (dir === undefined) return NOTHING;
  const where = visible(join(dir, '.envrc'));
  return fromTool(search, {
    kind: 'direnv',
    dir,
    argv: ['direnv', 'export', 'json'],
    reason: `${where} is allowed`,
    refused: `direnv did not load ${where}: look at it, then run \`direnv allow\`.`,
  });
}

/** mise loads a file with variables or templates only when the user has trusted it. */
export async function findMise(search: Search): Promise<FoundToolchain> {
  const dir = search.dirs.find((candidate) =>
    MISE_FILES.some((name) => kindOf(join(candidate, name)) === 'file'),
  );
  if (dir === undefined) return NOTHING;
  return fromTool(search, {
    kind: 'mise',
    dir,
    argv: ['mise', 'env', '--json'],
    reason: `mise loads the settings of ${visible(dir)}`,
    refused: `mise did not load the settings of ${visible(dir)}: look at them, then run \`mise trust\`.`,
  });
}

interface Tool {
  readonly kind: string;
  readonly dir: string;
  readonly argv: readonly string[];
  readonly reason: string;
  readonly refused: string;
}

async function fromTool(search: Search, tool: Tool): Promise<FoundToolchain> {
  if (!isInstalled(search, tool.kind)) {
    return {
      toolchain: null,
      warnings: [`${visible(tool.dir)} is set up for ${tool.kind}, but ${tool.kind} is not installed.`],
    };
  }
  const [start = tool.dir] = search.dirs;
  const answer = await ask(search, tool.argv, start);
  if (answer === null) return { toolchain: null, warnings: [tool.refused] };
  const variables = variablesOf(answer);
  const { PATH: path, ...env } = variables;
  return {
    toolchain: { ...activation(path, search), kind: tool.kind, env, reason: tool.reason },
    warnings: [],
  };
}

/** Only the directories that the tool put in front: the rest of PATH is ours already. */
function activation(path: string | undefined, { environment }: Search): Pick<Toolchain, 'dir' | 'path'> {
  const ours = new Set((environment['PATH'] ?? '').split(delimiter));
  return { dir: null, path: (path ?? '').split(delimiter).filter((dir) => dir !== '' && !ours.has(dir)) };
}

/** Variables to set; those to be unset (null) and direnv's own bookkeeping are left out. */
function variablesOf(json: string): Readonly<Record<string, string>> {
  try {
    const data: unknown = JSON.parse(json === '' ? '{}' : json);
    const entries = Object.entries(typeof data === 'object' && data !== null ? data : {});
    return Object.fromEntries(
      entries.filter(
        (entry): entry is [string, string] =>
          typeof entry[1] === 'string' && !/^(?:DIRENV_|__MISE_)/.test(entry[0]),
      ),
    );
  } catch {
    return {};
  }
}
