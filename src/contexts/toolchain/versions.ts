import { join } from 'node:path';
import type { Toolchain } from '../../core/context.ts';
import { textOf } from '../detect/files.ts';
import { visible } from '../detect/visible.ts';
import { ask, type FoundToolchain, isInstalled, NOTHING, type Search } from './search.ts';
import {
  type Installed,
  installedVersions,
  type Language,
  managersOf,
  nvmAliases,
} from './version-managers.ts';
import { compareVersions, parseVersion, satisfies, type Version } from './version-range.ts';
import { type VersionRequest, versionRequest } from './version-requests.ts';

/**
 * The version of Node or Ruby that the nearest file asks for, from what the version managers have installed.
 * When PATH already has it, nothing needs to be switched on.
 */
export async function findVersion(language: Language, search: Search): Promise<FoundToolchain> {
  for (const dir of search.dirs) {
    const request = versionRequest(language, dir);
    if (request !== null) return answer(request, search);
  }
  return NOTHING;
}

async function answer(request: VersionRequest, search: Search): Promise<FoundToolchain> {
  if (request.wanted === 'system') return NOTHING;
  const accepts = acceptance(request, search);
  const fitting = installedVersions(request.language, search).filter(({ version }) => accepts(version));
  const best = fitting.reduce<Installed | null>(
    (top, next) => (top === null || compareVersions(next.version, top.version) > 0 ? next : top),
    null,
  );
  if (best !== null) return { toolchain: activation(request, best), warnings: [] };
  const onPath = parseVersion(
    (await ask(search, [request.language, '--version'], '/'))?.replace(/^ruby /, '') ?? '',
  );
  if (onPath !== null && accepts(onPath)) return NOTHING;
  return { toolchain: null, warnings: [missing(request, { onPath, search })] };
}

function activation({ language, wanted, file }: VersionRequest, best: Installed): Toolchain {
  return {
    kind: best.manager,
    dir: best.dir,
    path: [best.bin],
    env: VARIABLES[best.manager]?.(best) ?? {},
    reason: `${file} asks for ${language} ${visible(wanted)}; ${best.manager} has ${best.version.join('.')}`,
  };
}

/** What managers set beside PATH, and what their users' scripts may read. */
const VARIABLES: Readonly<Record<string, (best: Installed) => Readonly<Record<string, string>>>> = {
  nvm: ({ bin }) => ({ NVM_BIN: bin }),
  rvm: ({ dir }) => ({ MY_RUBY_HOME: dir }),
};

/** What a request accepts. nvm's words are turned into versions first. */
function acceptance(
  { language, wanted, file }: VersionRequest,
  search: Search,
): (version: Version) => boolean {
  const text =
    language === 'node' ? resolveAlias(wanted.toLowerCase(), search) : wanted.replace(/^ruby-/, '');
  if (text === 'node' || text === 'stable' || text === 'latest' || text === 'current') return () => true;
  if (text === 'lts/*' || text === 'lts') return ([major]) => major % 2 === 0;
  const codename = /^lts[/-](\w+)$/.exec(text)?.[1];
  if (codename !== undefined) return ([major]) => major === LTS_MAJORS[codename];
  if (file.startsWith('engines')) return (version) => satisfies(version, text);
  return (version) => satisfies(version, text.replace(/-p\d+$/, ''));
}

/** Source: nodejs/Release, schedule.json. */
const LTS_MAJORS: Readonly<Record<string, number>> = {
  argon: 4,
  boron: 6,
  carbon: 8,
  dubnium: 10,
  erbium: 12,
  fermium: 14,
  gallium: 16,
  hydrogen: 18,
  iron: 20,
  jod: 22,
  krypton: 24,
};

/** nvm keeps `lts/hydrogen` and the user's own aliases as files. */
function resolveAlias(wanted: string, search: Search): string {
  let text = wanted;
  for (let hops = 0; hops < 5 && /^[a-z][\w/*-]*$/.test(text) && !text.startsWith('v'); hops++) {
    const target = textOf(join(nvmAliases(search), text))?.trim();
    if (!target) break;
    text = target;
  }
  return text;
}

function missing(
  { language, wanted, file, manager }: VersionRequest,
  { onPath, search }: { readonly onPath: Version | null; readonly search: Search },
): string {
  const asks = `${file} asks for ${language} ${visible(wanted)}`;
  const managers = managersOf(language, search);
  const has = onPath === null ? '' : ` (${language} on PATH is ${onPath.join('.')})`;
  const name = manager ?? managers[0] ?? null;
  if (name === null) return `${asks}, and no version manager has it${has}.`;
  if (managers.length === 0 && !isInstalled(search, name))
    return `${asks}, but ${name} is not installed${has}.`;
  return `${asks}, but ${managers.join(', ') || name} does not have it${has}.`;
}
