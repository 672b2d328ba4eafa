import { BerthError } from '../core/errors.ts';
import { isSecret } from '../core/secret.ts';
import type { TaskSpec } from '../core/task.ts';
import type { Deps } from './deps.ts';

/**
 * A task for another host is refused unless the queue knows that host, and where it would need what stays here.
 *
 * @throws {BerthError} `HOST_UNKNOWN`, `POLICY`
 */
export async function checkHost(deps: Deps, { context }: TaskSpec): Promise<void> {
  const { host, env } = context;
  if (host === 'local' || host === deps.host.name) return;
  const store = await deps.store();
  const hosts = new Set([...(await store.sessions()), ...(await store.workers())].map((one) => one.host));
  if (!hosts.has(host)) {
    const known = [...hosts].sort().join(', ') || 'none yet';
    throw new BerthError(`The queue knows no host "${host}"; those that it knows: ${known}.`, {
      code: 'HOST_UNKNOWN',
      hint: `Start a worker there, on the same database: \`BERTH_HOST=${host} berth up\`.`,
    });
  }
  const secret = Object.entries(env).find(([name, value]) => isSecret(name, value));
  if (secret === undefined) return;
  throw new BerthError(
    `The value of ${secret[0]} looks like a secret, and secrets do not leave this machine.`,
    {
      code: 'POLICY',
      hint: `Leave it out here, and set it on ${host}: in the project's berth.yaml, or where its worker starts.`,
    },
  );
}
