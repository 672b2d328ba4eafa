import type { PodFacts } from '../core/cluster.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { JobFacts } from './kube-job-facts.ts';

/** What the pods of one Job say about its attempt. */
export type JobState =
  | {
      readonly kind: 'waiting';
      readonly words: string;
      readonly code: ErrorCode;
      readonly isHopeless: boolean;
    }
  | { readonly kind: 'running'; readonly pod: string }
  | { readonly kind: 'ended'; readonly pod: string; readonly exitCode: number }
  /** The cluster ended the whole pod, and starts no other one: evicted, say. */
  | { readonly kind: 'failed'; readonly words: string }
  /** The node did not take the pod; nothing of it ran. */
  | { readonly kind: 'rejected'; readonly words: string }
  /** The first pod is gone or has a successor, which may have begun. */
  | { readonly kind: 'broken'; readonly words: string }
  | { readonly kind: 'none' };

/** @param facts  name of the container that the task runs in, and the pod that is the attempt */
export function jobState(
  pods: readonly PodFacts[],
  { container, podUid }: Pick<JobFacts, 'container' | 'podUid'>,
): JobState {
  const [pod, second] = pods;
  if (pod === undefined) return { kind: 'none' };
  if (second !== undefined || (podUid !== undefined && pod.uid !== podUid)) {
    const names = pods.map(({ name }) => name).join(' and ');
    return { kind: 'broken', words: `the Job has started more than one pod for this attempt: ${names}` };
  }
  const words = [pod.reason, pod.message].filter(Boolean).join(', ');
  if (pod.phase === 'Failed' && pod.reason !== null) {
    const kind = isRejected(pod) ? 'rejected' : 'failed';
    return { kind, words: `pod ${pod.name} failed: ${words}` };
  }
  const own = pod.containers.find(({ name }) => name === container);
  if (own?.terminated) return { kind: 'ended', pod: pod.name, exitCode: own.terminated.exitCode };
  if (pod.isDeleting && !own?.isRunning) return { kind: 'broken', words: `pod ${pod.name} was removed` };
  if (pod.phase === 'Failed') return { kind: 'failed', words: `pod ${pod.name} failed` };
  if (own?.isRunning) return { kind: 'running', pod: pod.name };
  return waiting(pod, own);
}

/** Source: kubelet, `pkg/kubelet/lifecycle` and the admission of the eviction manager. */
function isRejected({ reason, message }: PodFacts): boolean {
  if (reason === 'Evicted') return /^(?:Pod )?The node had condition/.test(message ?? '');
  return /^(?:OutOf\w+|NodeAffinity|UnexpectedAdmissionError|TopologyAffinityError)$/.test(reason ?? '');
}

function waiting(pod: PodFacts, own: PodFacts['containers'][number] | undefined): JobState {
  const state = own?.waiting ?? null;
  if (state !== null && state.reason !== 'ContainerCreating' && state.reason !== 'PodInitializing') {
    const isImage = /image/i.test(state.reason);
    return {
      kind: 'waiting',
      words: [state.reason, state.message].filter(Boolean).join(': '),
      code: isImage ? 'IMAGE_MISSING' : 'JOB_REFUSED',
      isHopeless: HOPELESS.has(state.reason),
    };
  }
  const words = [pod.reason, pod.message].filter(Boolean).join(': ') || `the pod is ${pod.phase}`;
  return { kind: 'waiting', words, code: 'JOB_UNSCHEDULABLE', isHopeless: false };
}

/** Waiting does not help; other reasons, such as a registry that does not answer, may pass. */
const HOPELESS = new Set(['InvalidImageName', 'ErrImageNeverPull']);
