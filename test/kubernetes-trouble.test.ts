import { expect } from 'vitest';
import type { PodWish, TestNamespace } from './support/cluster.ts';
import { clusterTests } from './support/cluster-tests.ts';
import { describeWith } from './support/engines.ts';

const RUNS_LONG = 'echo up; sleep 1000';
/** Fills the memory of whoever runs it. */
const EAT = 'x=a; while :; do x=$x$x$x; done';

interface Harm {
  readonly what: string;
  readonly pod: string;
  readonly wish?: PodWish;
  /** Done to the pod while a task runs in it. */
  readonly harm: (namespace: TestNamespace, pod: string) => Promise<unknown>;
  readonly cause: RegExp;
}

const HARMS: readonly Harm[] = [
  {
    what: 'a pod that is deleted',
    pod: 'deleted',
    harm: (namespace, pod) => namespace.kubectl('delete', 'pod', pod, '--grace-period=0', '--force'),
    cause: /Pod deleted (?:was|is being) removed/,
  },
  {
    what: 'a pod that is evicted by the API, as when its node is drained',
    pod: 'drained',
    harm: evict,
    cause: /Pod drained (?:was|is being) removed/,
  },
  {
    what: 'a pod whose own program takes all its memory',
    pod: 'burst',
    wish: {
      container: {
        command: ['sh', '-c', `while [ ! -e /tmp/eat ]; do sleep 0.1; done; ${EAT}`],
        resources: { limits: { memory: '32Mi' } },
      },
    },
    harm: (namespace, pod) => namespace.inside(pod, 'touch', '/tmp/eat'),
    cause: /container main of pod burst ran out of memory/,
  },
  {
    what: 'a container that ends by itself and is restarted',
    pod: 'again',
    wish: {
      container: { command: ['sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.1; done'] },
    },
    harm: (namespace, pod) => namespace.inside(pod, 'sh', '-c', 'kill -TERM 1'),
    cause: /code 3|restarted/,
  },
];

describeWith(['kubernetes'], 'what a cluster does to tasks', () => {
  const test = clusterTests();
  const lost = (cause: RegExp) => ({
    outcome: 'lost',
    exit_code: null,
    cause: expect.stringMatching(cause),
    attempts: [{}],
  });

  for (const { what, pod, wish, harm, cause } of HARMS) {
    test(`${what}: lost, with the cause`, async ({ namespace, inPod, aReadyPod, running, ended }) => {
      await aReadyPod(pod, wish);
      const id = await running(RUNS_LONG, inPod(pod));
      await harm(namespace, pod);

      expect(await ended(id)).toMatchObject(lost(cause));
    });
  }

  test('a Job whose pod is evicted by the API: lost, and nothing of it is left', async ({
    namespace,
    job,
    running,
    ended,
  }) => {
    const id = await running(RUNS_LONG, job);
    const [pod] = (await namespace.json('pods')).items.filter(({ metadata }) =>
      metadata.name.startsWith('berth-'),
    );
    await evict(namespace, pod?.metadata.name ?? '');

    expect(await ended(id)).toMatchObject(lost(/removed|more than one pod|failed/));
  });

  test('pods that the kubelet evicts because they use too much of its disk: lost, with its words', async ({
    job,
    inPod,
    aReadyPod,
    running,
    ended,
  }) => {
    const volumes = [{ name: 'small', emptyDir: { sizeLimit: '1Mi' } }];
    const mounted = { volumeMounts: [{ name: 'small', mountPath: '/small' }] };
    await aReadyPod('greedy', { spec: { volumes }, container: mounted });
    const ids = await Promise.all([
      running('echo up; head -c 20000000 /dev/zero >/small/big; sleep 1000', inPod('greedy')),
      running('echo up; head -c 20000000 /dev/zero >/big; sleep 1000', [
        ...job,
        '--kube-resource',
        'ephemeral-storage=2Mi',
      ]),
    ]);
    const [pod, own] = await Promise.all(ids.map((id) => ended(id)));

    expect(pod).toMatchObject(lost(/Pod greedy was evicted: .*exceeds the limit/i));
    expect(own).toMatchObject(lost(/Evicted.*exceeds/i));
  });

  test('a program that takes more memory than its pod has: failed, and the cause says so', async ({
    inPod,
    aReadyPod,
    running,
    ended,
  }) => {
    await aReadyPod('narrow', { container: { resources: { limits: { memory: '32Mi' } } } });
    const done = await ended(await running(`echo up; ${EAT}`, inPod('narrow')));

    expect(done).toMatchObject({
      outcome: 'failed',
      exit_code: 137,
      oom: true,
      cause: expect.stringMatching(/memory/),
    });
  });

  test('a program that is killed in a pod with memory to spare did not run out of it', async ({
    inPod,
    aReadyPod,
    running,
    ended,
  }) => {
    await aReadyPod('wide');
    const done = await ended(await running('echo up; kill -9 $$', inPod('wide')));

    expect(done).toMatchObject({ outcome: 'failed', exit_code: 137, oom: false });
  });
});

/** The API that `kubectl drain` uses. */
async function evict(namespace: TestNamespace, pod: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace.name}/pods/${pod}/eviction`;
  const versions = await namespace.kubectl('api-versions');
  const apiVersion = /^policy\/v1$/m.test(versions) ? 'policy/v1' : 'policy/v1beta1';
  const body = { apiVersion, kind: 'Eviction', metadata: { name: pod, namespace: namespace.name } };
  await namespace.send(body, 'create', '--raw', path, '-f', '-');
}
