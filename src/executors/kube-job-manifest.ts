import type { JobPlan } from '../core/context.ts';

/** What one attempt's Job is made of. */
export interface JobParts {
  readonly name: string;
  readonly task: number;
  readonly attempt: number;
  /** Tells our Job from another one of its name. */
  readonly token: string;
  readonly image: string | null;
  /** Name of the container that the task runs in. */
  readonly container: string;
  readonly user: string | null;
  readonly plan: JobPlan;
  /** POSIX sh text: the whole run under its supervisor. */
  readonly script: string;
  /** The task has variables: they come from a Secret of the Job's name. */
  readonly hasSecret: boolean;
  readonly graceMs: number;
  readonly timeoutMs: number | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** How long a finished Job stays when berth never comes back to remove it. */
const TTL_SECONDS = 24 * 3600;
/** berth enforces time limits itself: the server's own removes the pod, and with it code and log. */
const BACKSTOP_MS = 300_000;

/** The user's manifest with the task in it: what makes the Job ours wins, what is only a default does not. */
export function jobManifest(parts: JobParts): Fields {
  const { template } = parts.plan;
  const labels = {
    'app.kubernetes.io/managed-by': 'berth',
    'dev.berth/task': String(parts.task),
    'dev.berth/attempt': String(parts.attempt),
    'dev.berth/job': parts.name,
  };
  const own = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: parts.name, labels, annotations: { 'dev.berth/token': parts.token } },
    spec: {
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      ...(parts.timeoutMs !== null && {
        activeDeadlineSeconds: Math.ceil((parts.timeoutMs + parts.graceMs + BACKSTOP_MS) / 1000),
      }),
      template: { metadata: { labels }, spec: podSpec(parts, template) },
    },
  };
  const defaults = { spec: { ttlSecondsAfterFinished: TTL_SECONDS } };
  return merge(merge(defaults, template ?? {}), own);
}

function podSpec(parts: JobParts, template: Fields | null): Fields {
  const { plan, graceMs } = parts;
  const given = containersOf(template);
  const index = Math.max(
    0,
    given.findIndex(({ name }) => name === parts.container),
  );
  const base = given[index] ?? { imagePullPolicy: 'IfNotPresent' };
  const containers = given.length === 0 ? [base] : [...given];
  containers[index] = merge(base, taskContainer(parts));
  return {
    restartPolicy: 'Never',
    // the time between TERM and KILL, and a little for the supervisor to look whether all is gone
    terminationGracePeriodSeconds: Math.ceil(graceMs / 1000) + 2,
    ...(plan.serviceAccount === null ? {} : { serviceAccountName: plan.serviceAccount }),
    ...(plan.serviceAccount === null && template === null && { automountServiceAccountToken: false }),
    ...(Object.keys(plan.nodeSelector).length > 0 && { nodeSelector: plan.nodeSelector }),
    containers,
  };
}

function taskContainer({ container, image, user, plan, script, name, hasSecret }: JobParts): Fields {
  const [uid, gid] = user === null ? [] : user.split(':').map(Number);
  const resources = plan.resources;
  return {
    name: container,
    ...(image !== null && { image }),
    command: ['sh', '-c', script],
    args: [],
    ...(hasSecret && {
      env: [{ name: 'BERTH_ENVIRONMENT', valueFrom: { secretKeyRef: { name, key: 'environment' } } }],
    }),
    ...(Object.keys(resources).length > 0 && { resources: { limits: resources, requests: resources } }),
    ...(uid !== undefined && {
      securityContext: { runAsUser: uid, ...(gid !== undefined && { runAsGroup: gid }) },
    }),
    // process 1 is a shell and deaf to TERM: everything else in the container gets it
    lifecycle: { preStop: { exec: { command: ['sh', '-c', 'kill -TERM -1'] } } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

function containersOf(template: Fields | null): readonly Fields[] {
  const spec = (template?.['spec'] as { template?: { spec?: { containers?: unknown } } } | undefined)
    ?.template?.spec;
  return Array.isArray(spec?.containers) ? (spec.containers as readonly Fields[]) : [];
}

/** Objects are merged key by key; of all else, lists too but `env`, the second one counts. */
function merge(first: Fields, second: Fields): Fields {
  const both = Object.entries(second).map(([key, value]): [string, unknown] => {
    const before = first[key];
    if (isFields(before) && isFields(value)) return [key, merge(before, value)];
    if (key === 'env' && Array.isArray(before) && Array.isArray(value)) return [key, [...before, ...value]];
    return [key, value];
  });
  return { ...first, ...Object.fromEntries(both) };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What was sent and is not in what the server keeps: old servers drop the fields they do not know, without a
 * word, and would run a Job that was to be suspended.
 *
 * @returns paths such as `spec.suspend`
 */
export function droppedFields(sent: Fields, kept: unknown, path = ''): readonly string[] {
  return Object.entries(sent).flatMap(([key, value]) => {
    const where = path === '' ? key : `${path}.${key}`;
    const there = isFields(kept) ? kept[key] : undefined;
    const isEmpty = value === null || (Array.isArray(value) && value.length === 0);
    if (there === undefined) return isEmpty || HARMLESS.has(where) ? [] : [where];
    if (isFields(value)) return droppedFields(value, there, where);
    if (!Array.isArray(value) || !Array.isArray(there)) return [];
    return value.flatMap((one, index) =>
      isFields(one) ? droppedFields(one, there[index], `${where}[${index}]`) : [],
    );
  });
}

/** Garbage collection that an old server does not know: berth removes its Jobs itself. */
const HARMLESS = new Set(['spec.ttlSecondsAfterFinished']);
