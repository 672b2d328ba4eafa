import type { Namespace } from '../../core/cluster.ts';
import type { KubernetesJobRequest, KubernetesRequest } from '../../core/context.ts';
import { BerthError } from '../../core/errors.ts';
import { type Box, NO_CONTAINER, type Question } from './box.ts';
import { noMapping, statedPlace } from './kubernetes-place.ts';

interface JobTarget {
  readonly request: KubernetesRequest;
  readonly job: KubernetesJobRequest;
  readonly where: Namespace;
}

/**
 * A Job of the task's own. The image comes from an option, from berth.yaml, or from the manifest.
 *
 * @throws {BerthError} `CONTEXT_INCOMPLETE`, `KUBE_FORBIDDEN`, `FILE_NOT_FOUND`, `BAD_DATA`, `CONTEXT_CONFLICT`
 */
export async function jobBox(question: Question, { request, job, where }: JobTarget): Promise<Box> {
  const { asked, file, world } = question;
  const image = asked.image ?? file?.container?.image ?? null;
  const template = job.manifest === null ? null : await world.kubernetes.manifest(job.manifest);
  if (image === null && template === null) {
    throw new BerthError('The Job has no image.', {
      code: 'CONTEXT_INCOMPLETE',
      hint: 'Add --container-image IMAGE, or --kube-manifest FILE with one.',
    });
  }
  if (asked.user !== null && !/^\d+(:\d+)?$/.test(asked.user)) {
    throw new BerthError(`--user ${asked.user} is no number, and a Job takes only numbers.`, {
      code: 'CONTEXT_CONFLICT',
      hint: 'Give a number, such as --user 1000 or --user 1000:1000.',
    });
  }
  const refusal = await world.kubernetes.cluster.refusal(where, CREATE_JOBS);
  if (refusal !== null) {
    const words = refusal === '' ? '' : ` (${refusal})`;
    throw new BerthError(
      `You may not \`create jobs\` in context ${where.context}, namespace ${where.namespace}${words}.`,
      {
        code: 'KUBE_FORBIDDEN',
        hint: 'Ask for a role with the verb `create` on `jobs` of batch; docs/kubernetes.md has one to apply.',
      },
    );
  }
  const inside = statedPlace(question);
  const dir = inside(question.dir);
  return {
    container: {
      ...NO_CONTAINER,
      type: 'kubernetes',
      runtime: 'kubernetes',
      engine: 'kubectl',
      image,
      namespace: where.namespace,
      kubeContext: where.context,
      podContainer: { name: request.container ?? 'task', podUid: '', containerId: '' },
      job: { ...job, template },
      start: { volumes: [], ports: [], engineArgs: [], hardened: false, build: null },
      reason: `A Job of its own was asked for, in context ${where.context}, namespace ${where.namespace}.`,
    },
    dir: dir ?? '.',
    user: asked.user,
    env: {},
    warnings: dir === null && file?.workdir != null ? [noMapping(question.dir)] : [],
    inside,
  };
}

const CREATE_JOBS = { verb: 'create', group: 'batch', resource: 'jobs', subresource: null };
