import type { Namespace, PodContainer, PodFacts } from '../../core/cluster.ts';
import type { KubernetesRequest, Rejection } from '../../core/context.ts';
import { BerthError } from '../../core/errors.ts';
import { type Box, NO_CONTAINER, type Question } from './box.ts';
import { jobBox } from './kubernetes-job.ts';
import { checkPolicy, namespaceOf, podQuestion } from './kubernetes-names.ts';
import { noMapping, statedPlace } from './kubernetes-place.ts';
import { chooseContainer, choosePod } from './kubernetes-pod.ts';

/**
 * A pod that runs, or a Job that is to be made. Files never choose a cluster: context and namespace
 * come from options or berth.yaml, and the user's own settings may forbid them.
 *
 * @throws {BerthError} `CONTEXT_INCOMPLETE`, `POLICY`, `KUBE_FORBIDDEN`, `POD_NOT_FOUND`, `POD_NOT_READY`,
 *   `NO_REPLICAS`, `CONTEXT_AMBIGUOUS`, and what a cluster that does not answer says
 */
export async function kubernetesBox(question: Question): Promise<Box> {
  const { asked, file, world } = question;
  const request = merged(asked.kubernetes, file?.kubernetes ?? null);
  const where = await namespaceOf(request, asked.kubernetes, world.kubernetes.cluster);
  checkPolicy(where, await world.kubernetes.policy());
  return request.job === undefined
    ? podBox(question, request, where)
    : jobBox(question, { request, job: request.job, where });
}

/** Options win, one by one; an option that names a pod takes the place of every way to name one. */
function merged(option: KubernetesRequest | null, setting: KubernetesRequest | null): KubernetesRequest {
  const target =
    option !== null && (option.pod !== null || option.selector !== null || option.job) ? option : setting;
  const job = target?.job;
  return {
    pod: target?.pod ?? null,
    selector: target?.selector ?? null,
    context: option?.context ?? setting?.context ?? null,
    namespace: option?.namespace ?? setting?.namespace ?? null,
    container: option?.container ?? target?.container ?? null,
    ...(job !== undefined && { job }),
  };
}

async function podBox(question: Question, request: KubernetesRequest, where: Namespace): Promise<Box> {
  const { cluster } = question.world.kubernetes;
  const wanted = podQuestion(request);
  const [pods, refusal] = await Promise.all([
    cluster.pods(where, wanted),
    cluster.refusal(where, { verb: 'create', group: '', resource: 'pods', subresource: 'exec' }),
  ]);
  if (refusal !== null) throw mayNotExec(where, refusal);
  const label = request.pod ?? `selector ${request.selector}`;
  const { pod, reason, rejected } = choosePod(pods, { label, where, wanted });
  const container = chooseContainer(pod, request.container);
  if (question.asked.user !== null) throw noUser(question.asked.user);
  return boxOf(question, { where, pod, container, reason, rejected });
}

interface Found {
  readonly where: Namespace;
  readonly pod: PodFacts;
  readonly container: PodContainer;
  readonly reason: string;
  readonly rejected: readonly Rejection[];
}

function boxOf(question: Question, { where, pod, container, reason, rejected }: Found): Box {
  const inside = statedPlace(question);
  const dir = inside(question.dir);
  const own = container.workingDir ?? '.';
  return {
    container: {
      ...NO_CONTAINER,
      type: 'kubernetes',
      runtime: 'kubernetes',
      engine: 'kubectl',
      id: `${pod.name}/${container.name}`,
      hostname: pod.hostname === '' ? null : pod.hostname,
      image: container.image,
      pod: pod.name,
      namespace: where.namespace,
      kubeContext: where.context,
      podContainer: { name: container.name, podUid: pod.uid, containerId: container.id },
      reason: `${reason} Context ${where.context}, namespace ${where.namespace}, container ${container.name}.`,
      rejected,
    },
    dir: dir ?? own,
    user: null,
    env: {},
    warnings: [...(dir === null ? [noMapping(question.dir)] : []), ...(container.canWrite ? [] : [ATTACHED])],
    inside,
  };
}

const ATTACHED =
  'Nothing can be written in this container: the task is attached, and ends as lost when its connection is cut.';

function mayNotExec({ context, namespace }: Namespace, reason: string): BerthError {
  const words = reason === '' ? '' : ` (${reason})`;
  return new BerthError(
    `You may not \`create pods/exec\` in context ${context}, namespace ${namespace}${words}.`,
    {
      code: 'KUBE_FORBIDDEN',
      hint: 'Ask for a role with the verb `create` on `pods/exec`; docs/kubernetes.md has one to apply.',
    },
  );
}

function noUser(user: string): BerthError {
  return new BerthError(
    `--user ${user} has no meaning in a pod: kubectl enters it as the container's user.`,
    {
      code: 'CONTEXT_CONFLICT',
      hint: 'Leave --user out, or set runAsUser in the pod.',
    },
  );
}
