import type { PodTarget } from './cluster.ts';
import { BerthError, type ErrorCode } from './errors.ts';

export interface ExecRefusal {
  readonly error: BerthError;
  /** False where a server that has just started says the same. */
  readonly isCertain: boolean;
}

/**
 * Why `kubectl exec` entered nothing, from its first words; null when they do not prove that nothing ran.
 * Every failure of its own is exit 1, the same as of a program that exits 1.
 *
 * @param words  its stderr; where nothing of the task can be in it, with stdout in front: that is where
 *   Docker says that there is no such program
 */
export function execRefusal(words: string, target: PodTarget): ExecRefusal | null {
  const first = words.trimStart();
  const rule = RULES.find(([words]) => words.test(first));
  if (rule === undefined) return null;
  const [, code, hint, isCertain] = rule;
  const line = first.split('\n')[0] ?? '';
  const said = line.replace(/^error: |^Error from server(?: \(\w+\))?: /, '').slice(0, 300);
  const { context, namespace, pod, container } = target;
  const error = new BerthError(
    `kubectl could not enter ${pod}/${container} (context ${context}, namespace ${namespace}): ${said}`,
    { code, hint },
  );
  return { error, isCertain };
}

type Rule = readonly [words: RegExp, code: ErrorCode, hint: string, isCertain: boolean];

/** kubectl 1.20 to 1.33, kubelets with dockershim, containerd and CRI-O. */
const RULES: readonly Rule[] = [
  [
    /^[^\n]*(?:OCI runtime exec failed|failed to exec in container|error executing command in container)[^\n]*"sh"[^\n]*(?:not found|no such file)/i,
    'NO_SHELL',
    'berth needs `sh` in a container to watch and stop a task; use an image that has one.',
    true,
  ],
  [
    /^Error from server \(NotFound\): pods? /i,
    'POD_NOT_FOUND',
    'It was removed in the meantime: send the task again.',
    true,
  ],
  [
    /^Error from server \(Forbidden\)/i,
    'KUBE_FORBIDDEN',
    'Ask for a role with the verb `create` on `pods/exec`; docs/kubernetes.md has one to apply.',
    true,
  ],
  [
    /^error: (?:You must be logged in|the server has asked for the client to provide credentials)/i,
    'CLUSTER_UNAUTHORIZED',
    'Log in to the cluster again.',
    false,
  ],
  [
    /^error: cannot exec into a container in a completed pod|^Error from server \(BadRequest\): container \S+ is not valid/i,
    'POD_NOT_READY',
    'The pod has ended or changed: send the task again.',
    true,
  ],
  [
    /^error: unable to upgrade connection: (?:container not found|pod does not exist)|^Error from server \(BadRequest\): pod \S+ does not have a host/i,
    'CONTAINER_NOT_RUNNING',
    'It was stopped or restarted in the meantime: send the task again.',
    false,
  ],
  [
    /^error: context "|^error: no context exists/i,
    'KUBE_CONTEXT_NOT_FOUND',
    'See `kubectl config get-contexts`.',
    true,
  ],
];
