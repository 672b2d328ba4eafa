import type { ExplainedCommand } from './contexts/explain.ts';
import { kubectlExec } from './core/cluster.ts';
import { type Command, quoteWord, shellQuote } from './core/command.ts';
import type { ResolvedContainer, ResolvedContext } from './core/context.ts';
import { isSecret } from './core/secret.ts';
import { bringUpArguments, composeLine } from './runtimes/compose-up.ts';
import { enterContainer } from './runtimes/enter.ts';
import { buildCommand } from './runtimes/images.ts';
import { parseMount, parsePort, type RunAs, runArguments } from './runtimes/run-arguments.ts';

export interface Pastable {
  readonly context: ResolvedContext;
  readonly argv: readonly string[];
  /** Who a new container runs as; null is the image's own user. */
  readonly runAs: RunAs | null;
}

/**
 * A command for a shell that does what the task would do. A secret is not in it: where one is needed, the
 * reader's own environment has to have it.
 */
export function pastableCommand(task: Pastable): ExplainedCommand {
  const { container } = task.context;
  if (container === null) return onHost(task);
  if (container.engine === 'kubectl') return inPod(task, container);
  if (container.id !== null) return inRunning(task, { container, id: container.id });
  if (container.service !== null) return inService(task, container);
  return inNew(task, container);
}

function onHost({ context, argv }: Pastable): ExplainedCommand {
  const { dir, env, toolchain, prereqs } = context;
  const path = (toolchain?.path ?? []).map((folder) => `${quoteWord(folder)}:`).join('');
  const variables = [
    ...(path === '' ? [] : [`PATH=${path}"$PATH"`]),
    ...Object.entries(toolchain?.env ?? {}).map(assignment),
    ...plain(env).map(assignment),
  ];
  const steps = [
    `cd ${quoteWord(dir.target)}`,
    ...(variables.length === 0 ? [] : [`export ${variables.join(' ')}`]),
    ...prereqs.map((line) => shellQuote(['sh', '-c', line])),
    shellQuote(argv),
  ];
  return { argv, display: `(${steps.join(' && ')})` };
}

function inPod(task: Pastable, container: ResolvedContainer): ExplainedCommand {
  const { dir, env } = task.context;
  const inner = withSteps(task, ...(dir.target === '.' ? [] : [`cd ${quoteWord(dir.target)}`]));
  const variables = plain(env).map(([name, value]) => `${name}=${value}`);
  const words = variables.length === 0 ? inner : ['env', ...variables, ...inner];
  const { kubeContext, namespace, pod, podContainer, job, image } = container;
  const place = { context: kubeContext ?? '', namespace: namespace ?? '' };
  const target = { ...place, pod: pod ?? '', container: podContainer?.name ?? '' };
  const kubectl = ['kubectl', `--context=${place.context}`, `--namespace=${place.namespace}`];
  const of = image === null ? [] : [`--image=${image}`];
  const argv =
    job === undefined
      ? kubectlExec(target, words, { stdin: false, tty: false })
      : [...kubectl, 'create', 'job', 'berth-task', ...of, '--', ...words];
  return { argv, display: shellQuote(argv) };
}

function inRunning(
  task: Pastable,
  { container, id }: { readonly container: ResolvedContainer; readonly id: string },
): ExplainedCommand {
  const { dir, env, user } = task.context;
  const command: Command = { argv: withSteps(task), cwd: dir.target, env };
  const engine = container.engine === 'podman' ? 'podman' : 'docker';
  const entry = enterContainer({ engine, id, user }, command, { stdin: false, tty: false });
  const short = entry.argv.map((word) => (word === id ? id.slice(0, 12) : word));
  return { argv: entry.argv, display: withVariables(entry.env, short) };
}

function inService(task: Pastable, container: ResolvedContainer): ExplainedCommand {
  const { dir, env, user } = task.context;
  const { project, service } = container;
  const engine = container.engine === 'podman' ? ('podman' as const) : ('docker' as const);
  const target = { container, engine, project: project ?? '', service: service ?? '', workdir: dir.host };
  const argv = [
    ...['exec', '-T', '--workdir', dir.target],
    ...(user === null ? [] : ['--user', user]),
    ...plain(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    target.service,
    ...withSteps(task),
  ];
  const up = composeLine(target, bringUpArguments(target, 'v2'));
  return { argv, display: `${up} && ${composeLine(target, argv)}` };
}

/** berth starts one that waits and enters it, so that the image's entry point does not run; nor does it here. */
function inNew(task: Pastable, container: ResolvedContainer): ExplainedCommand {
  const { dir, env, user } = task.context;
  const { runAs } = task;
  const { start, image } = container;
  const engine = container.engine === 'podman' ? 'podman' : 'docker';
  const [program = 'sh', ...words] = withSteps(task);
  const none: RunAs = { user: '', home: null, keepId: false };
  const { argv, env: clientEnv } = runArguments(engine, {
    verb: ['run', '--rm'],
    name: null,
    image: image ?? '',
    labels: {},
    mounts: (start?.volumes ?? []).map((volume) => parseMount(volume, dir.host)),
    ports: (start?.ports ?? []).map(parsePort),
    runAs: user === null ? runAs : { ...(runAs ?? none), user },
    hardened: start?.hardened ?? false,
    engineArgs: start?.engineArgs ?? [],
    env,
    workdir: dir.target,
    entrypoint: program,
    command: words,
  });
  const { build } = start ?? { build: null };
  const built = build === null ? [] : [shellQuote(buildCommand(engine, image ?? '', build))];
  return { argv, display: [...built, withVariables(clientEnv, argv)].join(' && ') };
}

/** The words of the task, in a shell where something has to be done first in the same place. */
function withSteps({ context, argv }: Pastable, ...first: readonly string[]): readonly string[] {
  const script = context.toolchain?.script;
  const unset = context.unset?.map((name) => `unset ${name}`) ?? [];
  const steps = [
    ...first,
    ...unset,
    ...context.prereqs.map((line) => shellQuote(['sh', '-c', line])),
    'exec "$@"',
  ];
  if (steps.length === 1 && script === undefined) return argv;
  const lines = [...(script === undefined ? [] : [script.trimEnd()]), steps.join(' && ')];
  return ['sh', '-c', lines.join('\n'), 'sh', ...argv];
}

/** Values that the client takes from its own environment, in front of it. */
function withVariables(env: Readonly<Record<string, string>>, argv: readonly string[]): string {
  return [...plain(env).map(assignment), shellQuote(argv)].join(' ');
}

function plain(env: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(env).filter(([name, value]) => !isSecret(name, value));
}

function assignment([name, value]: readonly [string, string]): string {
  return `${name}=${quoteWord(value)}`;
}
