import { type Explanation, explain } from './contexts/explain.ts';
import { initProject } from './contexts/project-draft.ts';
import type { World } from './contexts/resolve/world.ts';
import { resolveContext } from './contexts/resolve.ts';
import { chooseService } from './contexts/service.ts';
import { kubectlExec } from './core/cluster.ts';
import { type Command, quoteWord, shellQuote } from './core/command.ts';
import type { ContextRequest, ResolvedContainer, ResolvedContext } from './core/context.ts';
import { BerthError } from './core/errors.ts';
import { isSecret } from './core/secret.ts';
import type { Payload } from './core/task.ts';
import { buildDockerRunCmd, buildPodmanRunCmd } from './runtimes/builders.ts';
import { enterContainer } from './runtimes/enter.ts';

export interface Question {
  readonly world: World;
  readonly request: ContextRequest;
  /** Null when only the place is asked about. */
  readonly payload: Payload | null;
}

/** Where a task would run, and why, with the command that does the same. Nothing runs. */
export async function explainTask({ world, request, payload }: Question): Promise<Explanation> {
  const detection = await world.detect(request.workdir).catch(() => null);
  const task = payload === null ? null : payloadText(payload);
  try {
    const context = await resolveContext(request, world);
    const command = pastable(context, payload);
    return explain({ request, detection, task, outcome: { kind: 'resolved', context, command } });
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return explain({ request, detection, task, outcome: { kind: 'refused', error } });
  }
}

/** The text of a `berth.yaml` for a directory, from what its files show. */
export async function draftProject(world: World, dir: string): Promise<string> {
  const detection = await world.detect(dir);
  const compose =
    detection.type === 'docker_compose'
      ? await world.compose(detection.candidates[0]?.dir ?? dir, null)
      : null;
  const evidence = {
    workdir: dir,
    realpath: world.files.realpath,
    wanted: null,
    setting: null,
    devcontainer: null,
  };
  return initProject(detection, compose && chooseService(compose, evidence));
}

function payloadText(payload: Payload): string {
  if (payload.kind === 'argv') return shellQuote(payload.argv);
  return payload.kind === 'line' ? payload.line : payload.text;
}

function words(payload: Payload | null): readonly string[] {
  if (payload === null) return ['sh'];
  return payload.kind === 'argv' ? payload.argv : ['sh', '-c', payloadText(payload)];
}

function pastable(context: ResolvedContext, payload: Payload | null) {
  const { container } = context;
  const commands = [...context.prereqs.map((line) => ['sh', '-c', line]), words(payload)];
  if (container === null) return onHost(context, commands);
  const entered = commands.map((argv) => inBox(context, container, argv));
  return { argv: entered.at(-1)?.argv ?? [], display: entered.map(({ display }) => display).join(' && ') };
}

function onHost({ dir, env, toolchain }: ResolvedContext, commands: readonly (readonly string[])[]) {
  const path = (toolchain?.path ?? []).map((folder) => `${quoteWord(folder)}:`).join('');
  const variables = [
    ...(path === '' ? [] : [`PATH=${path}"$PATH"`]),
    ...Object.entries(toolchain?.env ?? {}).map(assignment),
    ...plain(env).map(assignment),
  ];
  const steps = [
    `cd ${quoteWord(dir.target)}`,
    ...(variables.length === 0 ? [] : [`export ${variables.join(' ')}`]),
    ...commands.map((argv) => shellQuote(argv)),
  ];
  return { argv: commands.at(-1) ?? [], display: `(${steps.join(' && ')})` };
}

function inBox(context: ResolvedContext, container: ResolvedContainer, argv: readonly string[]) {
  const script = context.toolchain?.script;
  const inner = script === undefined ? argv : ['sh', '-c', `${script}\nexec "$@"`, 'sh', ...argv];
  if (container.engine === 'kubectl') return inPod(context, container, inner);
  if (container.id === null) return inNewBox(context, container, inner);
  const command: Command = { argv: inner, cwd: context.dir.target, env: context.env };
  const entry = enterContainer({ engine: container.engine, id: container.id, user: context.user }, command, {
    stdin: false,
    tty: false,
  });
  // values that the client takes from its own environment; a secret must be in the reader's
  const variables = plain(entry.env).map((pair) => `${assignment(pair)} `);
  return { argv: entry.argv, display: `${variables.join('')}${shellQuote(entry.argv)}` };
}

function inPod({ dir, env }: ResolvedContext, container: ResolvedContainer, inner: readonly string[]) {
  if (container.job !== undefined) {
    const argv = ['kubectl', `--context=${container.kubeContext}`, `--namespace=${container.namespace}`];
    const image = container.image === null ? [] : [`--image=${container.image}`];
    const create = [...argv, 'create', 'job', 'berth-task', ...image, '--', ...inner];
    return { argv: create, display: shellQuote(create) };
  }
  const target = {
    context: container.kubeContext ?? '',
    namespace: container.namespace ?? '',
    pod: container.pod ?? '',
    container: container.podContainer?.name ?? '',
  };
  const variables = plain(env).map(([name, value]) => `${name}=${value}`);
  const words = variables.length === 0 ? inner : ['env', ...variables, ...inner];
  const there = dir.target === '.' ? words : ['sh', '-c', 'cd "$0" && exec "$@"', dir.target, ...words];
  const argv = kubectlExec(target, there, { stdin: false, tty: false });
  return { argv, display: shellQuote(argv) };
}

function inNewBox(context: ResolvedContext, container: ResolvedContainer, command: readonly string[]) {
  const build = container.engine === 'podman' ? buildPodmanRunCmd : buildDockerRunCmd;
  const secret = Object.keys(context.env).filter((name) => isSecret(name, context.env[name] ?? ''));
  return build({
    image: container.image ?? '',
    workingDir: context.dir.target,
    volumes: container.volumes,
    ports: container.ports,
    envVars: Object.fromEntries(plain(context.env)),
    dockerArgs: [
      '--rm',
      '--init',
      ...(context.user === null ? [] : ['--user', context.user]),
      ...secret.flatMap((name) => ['--env', name]),
      ...(container.start?.engineArgs ?? []),
    ],
    command,
  });
}

function plain(env: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(env).filter(([name, value]) => !isSecret(name, value));
}

function assignment([name, value]: readonly [string, string]): string {
  return `${name}=${quoteWord(value)}`;
}
