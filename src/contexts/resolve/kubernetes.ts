import { BerthError } from '../../core/errors.ts';
import type { Box, Question } from './box.ts';

/**
 * A pod. Files never choose a cluster: pod and context must be named.
 *
 * @throws {BerthError} `CONTEXT_INCOMPLETE` as long as pods cannot be entered
 */
export async function kubernetesBox({ asked }: Question): Promise<Box> {
  const wanted = asked.kubernetes?.pod ?? asked.kubernetes?.selector;
  if (wanted == null) {
    throw new BerthError('This is a Kubernetes context, and its files name neither a cluster nor a pod.', {
      code: 'CONTEXT_INCOMPLETE',
      hint: 'Name both, as in --pod deployment/web --kube-context staging, or add --no-container.',
    });
  }
  throw new BerthError(
    `The pod "${wanted}" cannot be entered: this version of berth has no Kubernetes runtime.`,
    {
      code: 'CONTEXT_INCOMPLETE',
      hint: 'Use `kubectl exec` on the host with --no-container for now.',
    },
  );
}
