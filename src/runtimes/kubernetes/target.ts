import type { PodTarget } from '../../core/cluster.ts';
import type { Place } from '../../core/runtime.ts';

/** The container of a place that is a pod. */
export function targetOf({ container }: Place): PodTarget {
  return {
    context: container?.kubeContext ?? '',
    namespace: container?.namespace ?? '',
    pod: container?.pod ?? '',
    container: container?.podContainer?.name ?? '',
  };
}
