import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** The versions that the tests were written against. */
const PACKAGES = {
  claude: { name: '@anthropic-ai/claude-code', version: '2.1.197' },
  codex: { name: '@openai/codex', version: '0.169.0' },
  gemini: { name: '@google/gemini-cli', version: '0.61.0' },
  opencode: { name: 'opencode-ai', version: '1.18.33' },
} as const;

export type RealAgent = keyof typeof PACKAGES;

/** Downloads outside of the checkout, and out of /tmp: Gemini CLI reads no settings from where others may write. */
export const cacheFolder = join(
  process.env.BERTH_ENGINE_CACHE ??
    (process.getuid?.() === 0
      ? '/var/cache/berth-engines'
      : join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'berth-engines')),
  'agents',
);

/**
 * The folder with the program of a real agent, from the npm registry and without its install scripts; or why it
 * cannot be had. Together they are 1.1 GB, so they are fetched only where that was asked for.
 */
export function realAgent(agent: RealAgent): { readonly bin: string } | { readonly missing: string } {
  const { name, version } = PACKAGES[agent];
  const folder = join(cacheFolder, `${agent}-${version}`);
  const program = join(folder, 'node_modules', programOf(agent));
  if (process.env.BERTH_TEST_AGENTS !== '1')
    return { missing: `${name} ${version} runs only with BERTH_TEST_AGENTS=1, which fetches it` };
  if (!existsSync(program)) {
    try {
      mkdirSync(folder, { recursive: true });
      const options = ['--silent', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
      execFileSync('npm', ['install', ...options, '--prefix', folder, `${name}@${version}`], {
        ...{ timeout: 300_000, stdio: 'ignore' },
      });
    } catch {
      return { missing: `npm cannot install ${name} ${version}` };
    }
  }
  return existsSync(program)
    ? { bin: dirname(program) }
    : { missing: `${name} ${version} has no program for this machine` };
}

/** Where a wrapper would be put in place by an install script, the program itself. */
function programOf(agent: RealAgent): string {
  const machine = `${process.platform}-${process.arch}`;
  if (agent === 'claude') return `@anthropic-ai/claude-code-${machine}/claude`;
  if (agent === 'opencode') return `opencode-${machine}/bin/opencode`;
  return `.bin/${agent}`;
}
