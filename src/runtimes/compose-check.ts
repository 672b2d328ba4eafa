import type { Host } from '../core/host.ts';
import { lastWords } from './engine-cli.ts';
import { findCompose } from './probe-compose.ts';

/** What a project is to Compose. */
interface ComposeFiles {
  readonly dir: string;
  /** In the order they are merged. */
  readonly files: readonly string[];
  readonly name: string;
}

const CHECK_TIMEOUT_MS = 3_000;

/**
 * Why the installed Compose does not load a project, in its own words; null when it does, when there is none, or
 * when it would have to fetch something first.
 */
export async function composeRefusal(host: Host, { dir, files, name }: ComposeFiles): Promise<string | null> {
  const compose = await findCompose(host, 'docker').catch(() => null);
  if (compose === null) return null;
  const { command } = compose;
  const project = ['--project-directory', dir, ...files.flatMap((file) => ['--file', file])];
  const argv = [...command.argv, ...project, '--project-name', name, 'config', '--quiet'];
  const result = await host.exec(
    { ...command, argv, cwd: dir, env: { ...command.env, ...OFFLINE } },
    { timeoutMs: CHECK_TIMEOUT_MS },
  );
  const isRefusal = result.failure === null && result.exitCode !== 0 && !/remote/i.test(result.stderr);
  return isRefusal ? lastWords(result.stderr) : null;
}

/** Looking at a project fetches nothing that it includes. */
const OFFLINE = { COMPOSE_EXPERIMENTAL_GIT_REMOTE: 'false', COMPOSE_EXPERIMENTAL_OCI_REMOTE: 'false' };
