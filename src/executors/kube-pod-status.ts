import { setTimeout as delay } from 'node:timers/promises';
import type { KubeApi, PodTarget } from '../core/cluster.ts';
import { podFacts } from '../core/pod-facts.ts';

/** How long a kubelet may take to tell of an end; an idle one does within two seconds. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 500;

/**
 * Wait until a pod's status tells what became of a container that is known to have ended: so the cause that is read
 * there next is that of the end. Resolves also when nothing is told for too long; never throws.
 *
 * @param containerId  with its runtime in front; nothing is waited for where it is empty
 */
export async function statusTells(
  api: KubeApi,
  target: PodTarget & { readonly containerId: string },
  signal: AbortSignal,
): Promise<void> {
  const { namespace, pod, container, containerId } = target;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}`;
  const deadline = Date.now() + PATIENCE_MS;
  while (containerId !== '' && !signal.aborted && Date.now() < deadline) {
    const { status, body } = await api.ask({ method: 'GET', path }).catch(() => ({ status: 0, body: null }));
    // a cluster that is away is waited for as well
    if (status !== 200 && status !== 0) return;
    const facts = status === 200 ? podFacts(body) : null;
    const own = facts?.containers.find(({ name }) => name === container);
    const isAsBefore = own?.isRunning && own.id === containerId && !facts?.isDeleting;
    if (facts !== null && !isAsBefore) return;
    await delay(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}
