import type { PodFacts } from '../core/cluster.ts';
import type { ErrorCode } from '../core/errors.ts';

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
  /** The pod ended without an end of its container, or is gone. */
  | { readonly kind: 'broken'; readonly words: string }
  | { readonly kind: 'none' };

/** @param container  name of the container that the task runs in */
export function jobState(pods: readonly PodFacts[], container: string): JobState {
  const [pod, second] = pods;
  if (pod === undefined) return { kind: 'none' };
  if (second !== undefined) {
    const names = pods.map(({ name }) => name).join(' and ');
    return { kind: 'broken', words: `the Job has started more than one pod for this attempt: ${names}` };
  }
  const own = pod.containers.find(({ name }) => name === container);
  if (own?.terminated && pod.reason !== 'Evicted') {
    return { kind: 'ended', pod: pod.name, exitCode: own.terminated.exitCode };
  }
  if (pod.isDeleting && !own?.isRunning) return { kind: 'broken', words: `pod ${pod.name} was removed` };
  if (pod.phase === 'Failed') {
    return {
      kind: 'broken',
      words: `pod ${pod.name} failed: ${[pod.reason, pod.message].filter(Boolean).join(', ')}`,
    };
  }
  if (own?.isRunning) return { kind: 'running', pod: pod.name };
  const waiting = own?.waiting ?? null;
  if (waiting !== null && waiting.reason !== 'ContainerCreating' && waiting.reason !== 'PodInitializing') {
    const words = [waiting.reason, waiting.message].filter(Boolean).join(': ');
    const isImage = /image/i.test(waiting.reason);
    return {
      kind: 'waiting',
      words,
      code: isImage ? 'IMAGE_MISSING' : 'JOB_REFUSED',
      isHopeless: HOPELESS.has(waiting.reason),
    };
  }
  const words = [pod.reason, pod.message].filter(Boolean).join(': ') || `the pod is ${pod.phase}`;
  return { kind: 'waiting', words, code: 'JOB_UNSCHEDULABLE', isHopeless: false };
}

/** Waiting does not help; other reasons, such as a registry that does not answer, may pass. */
const HOPELESS = new Set(['InvalidImageName', 'ErrImageNeverPull']);
