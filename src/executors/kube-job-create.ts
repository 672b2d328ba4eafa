import { readFileSync } from 'node:fs';
import type { KubeAnswer, KubeApi } from '../core/cluster.ts';
import { BerthError } from '../core/errors.ts';
import type { JobFacts } from './kube-job-facts.ts';
import { droppedFields, jobManifest } from './kube-job-manifest.ts';
import type { RunFiles } from './run-directory.ts';

/** Longest single argument that Linux starts a program with, and some room. */
const MAX_SCRIPT_BYTES = 120_000;

export function jobPath({ where, name }: JobFacts): string {
  return `${jobsPath(where.namespace)}/${name}`;
}

function jobsPath(namespace: string): string {
  return `/apis/batch/v1/namespaces/${namespace}/jobs`;
}

/**
 * Make the Job of a run, or find that it is made already: its name is the attempt's.
 *
 * @throws {BerthError} `JOB_REFUSED`, `KUBE_FORBIDDEN`, and what a cluster that does not answer says
 */
export async function createJob(api: KubeApi, facts: JobFacts, at: RunFiles): Promise<'made' | 'adopted'> {
  const environment = readFileSync(at.environment, 'utf8');
  const hasSecret = environment.split('\n').length > PLAIN_LINES;
  const manifest = manifestOf(facts, { environment, hasSecret, script: readFileSync(at.script, 'utf8') });
  const path = jobsPath(facts.where.namespace);
  if (facts.run.place?.container?.job?.template) {
    const tried = await api.ask({ method: 'POST', path: `${path}?dryRun=All`, body: manifest });
    if (tried.status !== 409) checkKept(manifest, accepted(facts, tried).body);
  }
  if (hasSecret) await createSecret(api, facts, environment);
  const answer = await api.ask({ method: 'POST', path, body: manifest });
  if (answer.status !== 409) {
    accepted(facts, answer);
    return 'made';
  }
  const found = await api.ask({ method: 'GET', path: jobPath(facts) });
  const token = (found.body as Annotated | null)?.metadata?.annotations?.['dev.berth/token'];
  if (token === facts.run.nonce) return 'adopted';
  throw new BerthError(`The namespace ${facts.where.namespace} has another Job ${facts.name} already.`, {
    code: 'JOB_REFUSED',
    hint: 'Retry the task: its next attempt has a name of its own.',
  });
}

interface Annotated {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}

/** The function around them, and the two variables that every task has. */
const PLAIN_LINES = 6;

interface Texts {
  readonly script: string;
  readonly environment: string;
  readonly hasSecret: boolean;
}

function manifestOf({ run, name, container }: JobFacts, { script, environment, hasSecret }: Texts) {
  const box = run.place?.container;
  if (!box?.job) throw new Error(`Run ${run.task}-${run.attempt} is no Job`);
  const variables = hasSecret ? 'eval "unset BERTH_ENVIRONMENT; $BERTH_ENVIRONMENT"' : environment;
  // a log keeps the order of one stream only, and the supervisor's words must be the last
  const text = `exec 2>&1\nberth_pidfile=\n${variables}\n${script}`;
  if (Buffer.byteLength(text) > MAX_SCRIPT_BYTES || text.includes('\ufffd')) {
    throw new BerthError('The task is too long, or not text: a Job carries it in its manifest.', {
      code: 'JOB_REFUSED',
      hint: 'Put it into the image, or into a file that the Job can fetch.',
    });
  }
  return jobManifest({
    name,
    task: run.task,
    attempt: run.attempt,
    token: run.nonce,
    image: box.image,
    container,
    user: run.place?.user ?? null,
    plan: box.job,
    script: text,
    hasSecret,
    graceMs: run.limits?.graceMs ?? 10_000,
    timeoutMs: run.limits?.timeoutMs ?? null,
  });
}

/** Variables may be secrets, and a Job can be read by many: they come from an object of their own. */
async function createSecret(
  api: KubeApi,
  { where, name, run }: JobFacts,
  environment: string,
): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      labels: { 'app.kubernetes.io/managed-by': 'berth', 'dev.berth/task': String(run.task) },
    },
    data: { environment: Buffer.from(environment).toString('base64') },
  };
  const { status, message } = await api.ask({
    method: 'POST',
    path: `/api/v1/namespaces/${where.namespace}/secrets`,
    body,
  });
  if (status < 300 || status === 409) return;
  throw new BerthError(
    `The variables of the task cannot be kept in a Secret of ${where.namespace}: ${message}`,
    {
      code: status === 403 ? 'KUBE_FORBIDDEN' : 'JOB_REFUSED',
      hint: 'Ask for the verb `create` on `secrets`, or send the task without --env.',
    },
  );
}

function accepted({ where, name }: JobFacts, answer: KubeAnswer): KubeAnswer {
  if (answer.status < 300) return answer;
  throw new BerthError(
    `The cluster refused Job ${name} (context ${where.context}, namespace ${where.namespace}): ${answer.message}`,
    {
      code: answer.status === 403 ? 'KUBE_FORBIDDEN' : 'JOB_REFUSED',
      hint: 'The words are the cluster’s own: mend the manifest, the quota or the role.',
    },
  );
}

function checkKept(sent: Readonly<Record<string, unknown>>, kept: unknown): void {
  const dropped = droppedFields(sent, kept);
  if (dropped.length === 0) return;
  throw new BerthError(`This cluster would silently drop ${dropped.join(', ')} of the Job.`, {
    code: 'JOB_REFUSED',
    hint: 'It is too old for these fields: take them out of the manifest, or use another cluster.',
  });
}
