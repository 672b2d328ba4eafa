import { shellQuote } from '../../core/command.ts';
import { BerthError } from '../../core/errors.ts';
import type { Host } from '../../core/host.ts';
import type { Devcontainer } from '../devcontainer.ts';

/** Images may have to be pulled and built. */
const UP_TIMEOUT_MS = 60 * 60_000;

/**
 * Brings a dev container up with its own tool, where that is installed. The commands of its life cycle do
 * not run: those in the container are skipped, and one for the host is refused.
 *
 * @throws {BerthError} `CONTAINER_NOT_RUNNING`; `POLICY` for a file with `initializeCommand`
 *
 * Source: devcontainers/cli, `devcontainer up --help`.
 */
export async function devcontainerUp(host: Host, config: Devcontainer): Promise<void> {
  const { localFolder, path, initializes } = config;
  const argv = ['devcontainer', 'up', '--workspace-folder', localFolder, '--config', path];
  if (initializes) {
    throw new BerthError(`${path} has an initializeCommand, which would run on this machine.`, {
      code: 'POLICY',
      hint: `Read it, then bring the dev container up yourself: \`${shellQuote(argv)}\`.`,
    });
  }
  const command = { argv: [...argv, '--skip-post-create'], cwd: localFolder, env: {} };
  const result = await host.exec(command, { timeoutMs: UP_TIMEOUT_MS });
  if (result.exitCode === 0) return;
  const isMissing = result.failure === 'not_found';
  throw new BerthError(
    `The dev container of ${localFolder} did not come up: ${isMissing ? MISSING : why(result)}`,
    {
      code: 'CONTAINER_NOT_RUNNING',
      hint: isMissing
        ? 'Install it with `npm install -g @devcontainers/cli`, or bring the dev container up in your editor.'
        : `See more with \`${shellQuote(argv)}\`.`,
    },
  );
}

const MISSING = 'its tool (devcontainer) is not installed.';

/** The tool's last line on stdout is JSON with the outcome. */
function why({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): string {
  const told = /"message":\s*"((?:[^"\\]|\\.)*)"/.exec(stdout)?.[1];
  const text = told ?? stderr.trimEnd().split('\n').at(-1) ?? '';
  return text.slice(0, 300) || 'it said nothing.';
}
