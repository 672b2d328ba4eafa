import { setTimeout as delay } from 'node:timers/promises';
import { type ContainerEnd, type KubeApi, kubectlExec, type PodFacts } from '../../core/cluster.ts';
import { messageOf } from '../../core/errors.ts';
import type { Host } from '../../core/host.ts';
import { podFacts } from '../../core/pod-facts.ts';
import type { Place, Postmortem } from '../../core/runtime.ts';
import { podsPath } from './cluster.ts';
import { targetOf } from './target.ts';

/** What is known of a pod in which a run ended without a word, or by SIGKILL. Never throws. */
export async function podPostmortem(
  apiOf: (context: string) => Promise<KubeApi>,
  host: Host,
  place: Place,
): Promise<Postmortem> {
  const said = await podState(apiOf, place);
  return said.state === 'running' ? { ...said, oom: await hadMemoryKills(host, place) } : said;
}

/**
 * Whether the kernel has killed processes of a container that still runs: its status tells only of the first
 * one. Null where no counter can be read.
 */
async function hadMemoryKills(host: Host, place: Place): Promise<boolean | null> {
  const files = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'];
  const argv = kubectlExec(targetOf(place), ['cat', ...files], { stdin: false, tty: false });
  const { stdout } = await host.exec({ argv, cwd: null, env: {} }, { timeoutMs: LOOK_MS });
  const kills = /^oom_kill (\d+)$/m.exec(stdout)?.[1];
  return kills === undefined ? null : Number(kills) > 0;
}

const LOOK_MS = 10_000;

async function podState(
  apiOf: (context: string) => Promise<KubeApi>,
  { container }: Place,
): Promise<Postmortem> {
  const unknown = { state: 'unknown', oom: null, cause: null } as const;
  if (!container?.pod || !container.podContainer) return unknown;
  const where = { context: container.kubeContext ?? '', namespace: container.namespace ?? '' };
  const { name, podUid, containerId } = container.podContainer;
  const path = `/api/v1${podsPath(where)}/${encodeURIComponent(container.pod)}`;
  try {
    const api = await apiOf(where.context);
    for (let look = 1; ; look += 1) {
      const answer = await api.ask({ method: 'GET', path });
      if (answer.status === 404)
        return { state: 'gone', oom: null, cause: `Pod ${container.pod} was removed` };
      if (answer.status !== 200) return { ...unknown, cause: answer.message };
      const pod = podFacts(answer.body);
      if (podUid !== '' && pod.uid !== podUid) {
        return { state: 'gone', oom: null, cause: `Pod ${pod.name} was removed; another one has its name` };
      }
      const { isUntold, ...state } = stateOf(pod, name, containerId);
      if (!isUntold || look === MOST_LOOKS) return state;
      await delay(AGAIN_MS);
    }
  } catch (error) {
    return { ...unknown, cause: messageOf(error) };
  }
}

/** A node tells of a new container some seconds before it tells how the last one ended. */
const MOST_LOOKS = 20;
const AGAIN_MS = 500;

interface PodState extends Postmortem {
  /** There is another container, and nothing is said yet of the end of this one. */
  readonly isUntold?: boolean;
}

function stateOf(pod: PodFacts, name: string, containerId: string): PodState {
  const container = pod.containers.find((one) => one.name === name);
  const label = `container ${name} of pod ${pod.name}`;
  const end = container?.terminated ?? (container?.id === containerId ? null : (container?.lastEnd ?? null));
  const oom = end === null ? null : end.reason === 'OOMKilled';
  if (pod.reason === 'Evicted') {
    return { state: 'stopped', oom, cause: `Pod ${pod.name} was evicted: ${pod.message ?? ''}`.trimEnd() };
  }
  if (pod.isDeleting) return { state: 'gone', oom, cause: `Pod ${pod.name} is being removed` };
  if (end !== null) return { state: 'stopped', oom, cause: `The ${label} ${howItEnded(end)}` };
  if (container !== undefined && containerId !== '' && container.id !== containerId) {
    return { state: 'stopped', oom, cause: `The ${label} was restarted`, isUntold: true };
  }
  return { state: 'running', oom: null, cause: null };
}

export function howItEnded({ exitCode, reason, message }: ContainerEnd): string {
  if (reason === 'OOMKilled') return 'ran out of memory and was killed';
  const words = message === '' ? '' : `: ${message.trim().slice(0, 300)}`;
  return `ended with code ${exitCode} (${reason || 'no reason given'})${words}`;
}
