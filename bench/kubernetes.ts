// Tasks in pods and as Jobs, beside kubectl on the same cluster: `test/engines/up kubernetes` brings one up.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { send } from '../src/actions/send.ts';
import type { KubernetesRequest } from '../src/core/context.ts';
import { pair, rounds } from './support/pairs.ts';
import { containerTask, PROGRAM, Queue } from './support/queue.ts';
import { print, skip, timed } from './support/report.ts';

const ROUNDS = Number(process.env.BERTH_BENCH_ROUNDS ?? 12);
const JOBS = Number(process.env.BERTH_BENCH_JOBS ?? 40);
const EXEC_GOAL = 1.3;
const CONTEXT = process.env.BERTH_TEST_KUBE_CONTEXT;
const IMAGE = 'berth-busybox:latest';
const NAMESPACE = `berth-bench-${randomBytes(4).toString('hex')}`;
const NOTHING = { pod: null, selector: null, container: null };
const WHERE = { context: CONTEXT ?? null, namespace: NAMESPACE };

const run = promisify(execFile);
const kubectl = (...args: readonly string[]) =>
  run('kubectl', [`--context=${CONTEXT}`, `--namespace=${NAMESPACE}`, ...args]);

if (CONTEXT === undefined) skip('tasks in Kubernetes', 'BERTH_TEST_KUBE_CONTEXT names no cluster');
else {
  await kubectl('create', 'namespace', NAMESPACE);
  try {
    const sleeper = JSON.stringify({ spec: { automountServiceAccountToken: false } });
    const pod = ['run', 'box', `--image=${IMAGE}`, '--image-pull-policy=Never', `--overrides=${sleeper}`];
    await kubectl(...pod, '--', 'sleep', '100000');
    await kubectl('wait', '--for=condition=Ready', 'pod/box', '--timeout=60s');
    await inPod();
    await asJobs();
  } finally {
    await kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
  }
}

/** A task that does nothing, in a pod, from sending to its outcome; and the same by hand. */
async function inPod(): Promise<void> {
  await using queue = await Queue.open();
  await queue.startWorker(4);
  const byWorker = async () => {
    await send(queue.deps, taskOf({ ...NOTHING, ...WHERE, pod: 'box' }, null));
    await queue.empty();
  };
  const options = ['--kube-context', CONTEXT ?? '', '--namespace', NAMESPACE, '--pod', 'box'];
  const inForeground = () =>
    run(process.execPath, [PROGRAM, 'run', ...options, '--', 'true'], { env: queue.env });
  const byHand = () => kubectl('exec', 'box', '--', 'true');
  const times = await rounds(ROUNDS, { worker: byWorker, hand: byHand, foreground: inForeground });
  const peer = { name: 'kubectl exec', times: times.hand, goal: EXEC_GOAL };
  pair('a task in a pod, by a worker', times.worker, peer);
  pair('berth run in a pod', times.foreground, peer);
}

/** Jobs that do nothing, until all of them have succeeded. */
async function asJobs(): Promise<void> {
  await using queue = await Queue.open();
  await queue.startWorker(JOBS);
  const job = { serviceAccount: null, resources: {}, nodeSelector: {}, manifest: null, pendingMs: null };
  const oursMs = await timed(async () => {
    for (let i = 0; i < JOBS; i++) await send(queue.deps, taskOf({ ...NOTHING, ...WHERE, job }, IMAGE));
    await queue.empty();
  });
  const theirsMs = await timed(async () => {
    for (let i = 0; i < JOBS; i++) {
      const { stdout } = await kubectl(
        ...['create', 'job', `plain-${i}`, `--image=${IMAGE}`, '--dry-run=client', '--output=json'],
        ...['--', 'true'],
      );
      const manifest = JSON.parse(stdout);
      manifest.spec.template.spec.automountServiceAccountToken = false;
      manifest.spec.template.spec.containers[0].imagePullPolicy = 'Never';
      const child = run('kubectl', [`--context=${CONTEXT}`, `--namespace=${NAMESPACE}`, 'create', '-f', '-']);
      child.child.stdin?.end(JSON.stringify(manifest));
      await child;
    }
    const all = Array.from({ length: JOBS }, (_, index) => `job/plain-${index}`);
    await kubectl('wait', '--for=condition=complete', ...all, '--timeout=300s');
    // as berth does: what is left of a pod costs its node no less than its start
    await kubectl('delete', '--wait=false', ...all);
  });
  const perMinute = (takenMs: number) => `${Math.round((JOBS / takenMs) * 60_000)}/min`;
  print({
    what: `${JOBS} Jobs of true, sent to all succeeded`,
    ours: perMinute(oursMs),
    peer: `kubectl create job, wait, delete ${perMinute(theirsMs)}`,
    ratio: oursMs / theirsMs,
  });
}

function taskOf(kubernetes: KubernetesRequest, image: string | null) {
  return containerTask(['true'], process.cwd(), { type: 'kubernetes', kubernetes, image });
}
