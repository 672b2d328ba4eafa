import { type KubeApi, kubectlExec, type PodTarget } from '../core/cluster.ts';
import { type Command, quoteWord } from '../core/command.ts';
import type { ResolvedContainer } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import type { Place, Runtime, Scope, Streams } from '../core/runtime.ts';
import { environmentScript } from '../core/script.ts';
import { disposeJob, jobName, jobPostmortem } from './kubernetes/job.ts';
import { podPostmortem } from './kubernetes/postmortem.ts';
import { mustHaveKubectl } from './kubernetes/program.ts';
import { targetOf } from './kubernetes/target.ts';

/**
 * A container of a pod that runs, or a Job of the task's own. kubectl enters it as the user has it set up,
 * always with context, namespace, pod and container by name.
 */
export function kubernetesRuntime(apiOf: (context: string) => Promise<KubeApi>): Runtime {
  return {
    kind: 'kubernetes',

    async prepare(_host, container, scope) {
      if (container?.job !== undefined) return jobPlace(container, scope);
      if (container?.pod && container.podContainer) {
        await mustHaveKubectl();
        return podPlace(container, container.pod);
      }
      throw new BerthError('The Kubernetes context names no pod.', {
        code: 'CONTEXT_INCOMPLETE',
        hint: 'Name one with --pod deployment/NAME, or ask for --kube-job.',
      });
    },

    enter: (place, inner, streams) => enterPod(targetOf(place), inner, streams),

    open: async (place, argv) => {
      const target = targetOf(place);
      return (await apiOf(target.context)).exec(target, argv);
    },

    postmortem: (host, place) =>
      place.container?.job ? jobPostmortem(apiOf, place) : podPostmortem(apiOf, host, place),

    dispose: (_host, place) => disposeJob(apiOf, place),
  };
}

/** The Job is made when it starts, so that a task that was taken back leaves none. */
function jobPlace(container: ResolvedContainer, scope: Scope): Place {
  const name = jobName(scope);
  return {
    runtime: 'kubernetes',
    id: `job/${name}`,
    owned: true,
    container: { ...container, id: `job/${name}` },
    user: null,
  };
}

function podPlace(container: ResolvedContainer, pod: string): Place {
  const id = `${pod}/${container.podContainer?.name}`;
  return { runtime: 'kubernetes', id, owned: false, container: { ...container, id }, user: null };
}

/**
 * The command that runs `inner` in a pod. kubectl knows neither directories nor variables: a shell in the
 * pod goes there, and reads the variables from a file that an earlier call has put into the pod, because
 * an argument could be read by everybody who can list processes.
 */
export function enterPod(target: PodTarget, inner: Command, streams: Streams): Command {
  const variables = environmentScript(inner.env);
  const hasVariables = Object.keys(inner.env).length > 0;
  const steps = [
    ...(hasVariables
      ? ['eval "$(cat "$0"; rm -f "$0")"; berth_environment; unset -f berth_environment']
      : []),
    ...(inner.cwd === null ? [] : [`cd ${quoteWord(inner.cwd)} || exit 126`]),
    'exec "$@"',
  ];
  if (!hasVariables) {
    const argv = inner.cwd === null ? inner.argv : ['sh', '-c', steps.join('; '), 'sh', ...inner.argv];
    return { argv: kubectlExec(target, argv, streams), cwd: null, env: {} };
  }
  const keep = kubectlExec(target, ['sh', '-c', KEEP], { stdin: true, tty: false });
  const enter = kubectlExec(target, ['sh', '-c', steps.join('; ')], streams);
  const host = `f=$(printf %s "$BERTH_VARIABLES" | ${keep.map(quoteWord).join(' ')}) || exit; unset BERTH_VARIABLES; exec ${enter.map(quoteWord).join(' ')} "$f" "$@"`;
  return { argv: ['sh', '-c', host, 'sh', ...inner.argv], cwd: null, env: { BERTH_VARIABLES: variables } };
}

/** Keeps its input in a file of its own, and says where. */
const KEEP =
  'umask 077; for d in /dev/shm "${TMPDIR:-/tmp}" /var/tmp; do f=$d/.berth-env-$$; (set -C; cat >"$f") 2>/dev/null && echo "$f" && exit; done; echo "berth: nothing can be written in this pod" >&2; exit 1';
