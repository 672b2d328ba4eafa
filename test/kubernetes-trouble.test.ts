import { expect } from 'vitest';
import type { TestNamespace } from './support/cluster.ts';
import { clusterTests } from './support/cluster-tests.ts';
import { describeWith } from './support/engines.ts';

const RUNS_LONG = 'echo up; sleep 1000';
/** Fills the memory of whoever runs it. */
const EAT = 'x=a; while :; do x=$x$x$x; done';

describeWith(['kubernetes'], 'what a cluster does to tasks', () => {
  const test = clusterTests();
  const lost = (cause: RegExp) => ({
    outcome: 'lost',
    exit_code: null,
    cause: expect.stringMatching(cause),
    attempts: [{}],
  });

  test('a pod that is deleted: lost', async ({ namespace, inPod, aReadyPod, running, ended }) => {
    await aReadyPod('deleted');
    const id = await running(RUNS_LONG, inPod('deleted'));
    await namespace.kubectl('delete', 'pod', 'deleted', '--grace-period=0', '--force');

    expect(await ended(id)).toMatchObject(lost(/Pod deleted (?:was|is being) removed/));
  });

  test('a pod that is evicted by the API, as when its node is drained: lost', async ({
    namespace,
    inPod,
    aReadyPod,
    running,
    ended,
  }) => {
    await aReadyPod('drained');
    const id = await running(RUNS_LONG, inPod('drained'));
    await evict(namespace, 'drained');

    expect(await ended(id)).toMatchObject(lost(/Pod drained (?:was|is being) removed/));
  });

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

  test('a pod whose own program takes all its memory: lost, with the cause', async ({
    namespace,
    inPod,
    aReadyPod,
    running,
    ended,
  }) => {
    const command = ['sh', '-c', `while [ ! -e /tmp/eat ]; do sleep 0.1; done; ${EAT}`];
    await aReadyPod('burst', {
      container: { command, resources: { limits: { memory: '32Mi' } } },
    });
    const id = await running(RUNS_LONG, inPod('burst'));
    await namespace.inside('burst', 'touch', '/tmp/eat');

    expect(await ended(id)).toMatchObject(lost(/container main of pod burst ran out of memory/));
  });

  test('a container that is restarted: lost, with the code of its own program', async ({
    namespace,
    inPod,
    aReadyPod,
    running,
    ended,
  }) => {
    const command = ['sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.1; done'];
    await aReadyPod('again', { container: { command } });
    const id = await running(RUNS_LONG, inPod('again'));
    await namespace.inside('again', 'sh', '-c', 'kill -TERM 1');

    expect(await ended(id)).toMatchObject(lost(/code 3|restarted/));
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
