import { BerthError } from '../../src/core/errors.ts';
import type { Store } from '../../src/core/store.ts';
import type { Task } from '../../src/core/task.ts';
import { localHost } from '../../src/hosts/local.ts';
import { bareRuntime } from '../../src/runtimes/bare.ts';
import { composeRuntime } from '../../src/runtimes/compose.ts';
import { kubeApis } from '../../src/runtimes/kubernetes/api.ts';
import { kubernetesRuntime } from '../../src/runtimes/kubernetes.ts';
import { ociRuntime } from '../../src/runtimes/oci.ts';
import type { Berth } from './berth.ts';
import type { Box } from './boxes.ts';

const apis = kubeApis(localHost());
export const apiOf = async (context: string) => apis(context);

export const RUNTIMES = {
  bare: bareRuntime(),
  docker: ociRuntime('docker'),
  podman: ociRuntime('podman'),
  compose: composeRuntime(),
  kubernetes: kubernetesRuntime(apiOf),
};

interface Seen {
  readonly box: Box;
  readonly store: Store;
  readonly berth: Berth;
}

/** In the box that there was, or in all that tasks were put in. */
export async function processesIn({ box, store, berth }: Seen, text: string): Promise<readonly string[]> {
  if (!box.owned) return processesWith(box, text);
  const found = (await enteredIn(store, berth)).map((container) =>
    processesWith({ ...box, container }, text),
  );
  return (await Promise.all(found)).flat();
}

/** Command lines of the processes in a box that carry a text in their arguments or variables; none once it is gone. */
export async function processesWith(box: Box, text: string): Promise<readonly string[]> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const { exitCode, stdout, stderr } = await searched(box, text);
    if (exitCode === 0) return lines(stdout.trim());
    // a box that goes while it is entered gives no answer, and a moment later it is not there
    if (Date.now() > deadline) throw new Error(`The search ended with ${exitCode}: ${stdout}${stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function searched({ container }: Box, text: string) {
  // the pattern must not find the search itself
  const pattern = `[${text[0]}]${text.slice(1)}`;
  const search = `for p in $(grep -ls '${pattern}' /proc/[0-9]*/cmdline /proc/[0-9]*/environ); do tr '\\0' ' ' <"\${p%/*}/cmdline"; echo; done; :`;
  const host = localHost();
  const runtime = RUNTIMES[container?.runtime ?? 'bare'];
  const scope = { task: 0, attempt: 0, owner: 'nobody', workdir: container?.compose?.dir ?? '/' };
  try {
    const place = { ...(await runtime.prepare(host, container, scope)), user: '0' };
    const entered = runtime.enter(place, { argv: ['sh', '-c', search], cwd: null, env: {} }, NO_STREAMS);
    return await host.exec(entered, { timeoutMs: 20_000 });
  } catch (error) {
    if (error instanceof BerthError && /^CONTAINER_NOT_(FOUND|RUNNING)$/.test(error.code)) return NOTHING;
    throw error;
  }
}

const NOTHING = { exitCode: 0, stdout: '', stderr: '' };
const NO_STREAMS = { stdin: false, tty: false };

/** The containers that tasks were put in, ours and those of the program. */
async function enteredIn(store: Store, berth: Berth) {
  const tasks: readonly Task[] = await store.tasks({ limit: 10 });
  const elsewhere = await berth.json(['list']).catch(() => []);
  const views = await Promise.all(
    elsewhere.map(({ id }: { id: number }) => berth.json(['show', String(id)])),
  );
  const all = [...tasks.map((task) => task.attempts.at(-1)?.context), ...views.map((view) => view.context)];
  const containers = all.flatMap((context) => (context?.container?.id ? [context.container] : []));
  return [...new Map(containers.map((one) => [one.id, one])).values()];
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((one) => one !== '');
}
