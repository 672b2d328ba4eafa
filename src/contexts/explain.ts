import type {
  ContextRequest,
  GitFacts,
  ResolvedContainer,
  ResolvedContext,
  Toolchain,
} from '../core/context.ts';
import type { Candidate, Detection } from '../core/detection.ts';
import type { BerthError, ErrorCode } from '../core/errors.ts';
import type { DeclaredWorkload } from './kubernetes-workloads.ts';

/** `berth explain --json`. No value of a variable is in it. */
export interface Explanation {
  readonly host: string;
  readonly dir: { readonly host: string; readonly target: string };
  readonly container: ExplainedContainer | null;
  /** Why there, in one or two sentences; without a container why on the host. */
  readonly reason: string;
  readonly user: string | null;
  /** Names only. */
  readonly env: readonly string[];
  readonly toolchain: ExplainedToolchain | null;
  readonly git: GitFacts | null;
  readonly prereqs: readonly string[];
  /** `display` can be pasted into a shell and does the same; null when nothing would run. */
  readonly command: ExplainedCommand | null;
  /** What happens in order; the first that fails ends the attempt. Empty when nothing would run. */
  readonly steps: readonly string[];
  /** What the files show, best first. */
  readonly candidates: readonly Candidate[];
  /** What Kubernetes files declare: names for `--pod`. No file says in which cluster. */
  readonly workloads: readonly DeclaredWorkload[];
  readonly warnings: readonly string[];
  /** Why nothing would run, or null. */
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string } | null;
}

export type ExplainedContainer = Omit<ResolvedContainer, 'hostname' | 'kubeContext' | 'start' | 'engine'>;

export interface ExplainedToolchain extends Omit<Toolchain, 'env' | 'script'> {
  /** Names only. */
  readonly env: readonly string[];
}

export interface ExplainedCommand {
  readonly argv: readonly string[];
  readonly display: string;
}

export interface Explainable {
  readonly request: ContextRequest;
  /** What the files show; null when they could not be looked at. */
  readonly detection: Detection | null;
  readonly workloads?: readonly DeclaredWorkload[];
  /** The place, or why there is none. */
  readonly outcome:
    | { readonly kind: 'resolved'; readonly context: ResolvedContext; readonly command: ExplainedCommand }
    | { readonly kind: 'refused'; readonly error: BerthError; readonly warnings: readonly string[] };
  /** The task in words, as it was typed; null when only the place is asked about. */
  readonly task: string | null;
}

/** Everything about the place of a task that a person or a program may want to know beforehand. */
export function explain({ request, detection, workloads = [], outcome, task }: Explainable): Explanation {
  const candidates = detection?.candidates ?? [];
  if (outcome.kind === 'refused') {
    const { code, message, hint } = outcome.error;
    return {
      ...NOWHERE,
      host: request.host,
      dir: { host: request.workdir, target: request.workdir },
      reason: message,
      env: Object.keys(request.env),
      prereqs: request.prereqs,
      candidates,
      workloads,
      warnings: [...outcome.warnings, ...(detection?.warnings ?? [])],
      error: { code, message, hint },
    };
  }
  const { context, command } = outcome;
  return {
    host: context.host,
    dir: context.dir,
    container: context.container && explainedContainer(context.container),
    reason: context.container?.reason ?? hostReason(request),
    user: context.user,
    env: Object.keys(context.env),
    toolchain: context.toolchain && explainedToolchain(context.toolchain),
    git: context.git,
    prereqs: context.prereqs,
    command,
    steps: stepsOf(context, task),
    candidates,
    workloads,
    warnings: [...new Set([...context.warnings, ...(context.container ? (detection?.warnings ?? []) : [])])],
    error: null,
  };
}

const NOWHERE = {
  container: null,
  user: null,
  toolchain: null,
  git: null,
  command: null,
  steps: [],
} as const;

function explainedContainer(container: ResolvedContainer): ExplainedContainer {
  const { hostname: _hostname, kubeContext: _context, start: _start, engine: _engine, ...shown } = container;
  return shown;
}

function explainedToolchain({ script: _script, env, ...shown }: Toolchain): ExplainedToolchain {
  return { ...shown, env: Object.keys(env) };
}

function hostReason({ container }: ContextRequest): string {
  if (container === null) return 'No container was asked for.';
  return container.allowHost
    ? 'The container cannot be had, and the host is allowed.'
    : 'There are no container files.';
}

/** In the order in which they are done. */
function stepsOf(context: ResolvedContext, task: string | null): readonly string[] {
  const { container, dir, toolchain, env, prereqs } = context;
  const names = Object.keys(env);
  return [
    `directory: ${dir.target === dir.host ? dir.host : `${dir.target}, for ${dir.host} here`}`,
    `container: ${container === null ? 'none, on the host' : entry(container)}`,
    `proof: ${proofOf(context)}`,
    `toolchain: ${toolchain === null ? 'as it is there' : `${toolchain.kind}, ${toolchain.reason}`}`,
    `environment: ${names.length === 0 ? 'nothing is added' : names.join(', ')}${without(context)}`,
    ...prereqs.map((line, at) => `prerequisite ${at + 1} of ${prereqs.length}: ${line}`),
    ...(task === null ? [] : [`task: ${task}`]),
  ];
}

function without({ unset = [] }: ResolvedContext): string {
  return unset.length === 0 ? '' : `; without ${unset.join(', ')}`;
}

function proofOf({ container, sameDirectory }: ResolvedContext): string {
  const facts = [
    ...(container?.hostname ? [`the host name there is ${container.hostname}`] : []),
    sameDirectory === undefined ? 'the directory can be entered' : 'the directory there is the one here',
  ];
  return facts.join(', ');
}

function entry(container: ResolvedContainer): string {
  const { id, image, service, project, engine, start } = container;
  if (container.job !== undefined) return `make a Job of ${image ?? 'the manifest'}, removed afterwards`;
  if (engine === 'kubectl') return `enter ${id} with kubectl`;
  if (id !== null) return `enter ${id.slice(0, 12)} with ${engine}`;
  if (service !== null) return `bring up service ${service} of ${project}, then enter it with ${engine}`;
  const built = start?.build ? `, built from ${start.build.file}` : '';
  return `start a new one of ${image}${built} with ${engine}, removed afterwards`;
}
