import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Berth } from './support/berth.ts';
import { eventually, IMAGE, readOrEmpty } from './support/cluster.ts';
import { clusterTests } from './support/cluster-tests.ts';
import { describeWith } from './support/engines.ts';

describeWith(['kubernetes'], 'tasks as Jobs', () => {
  const test = clusterTests();

  for (const code of [0, 1, 11, 255]) {
    test(`exit code ${code} and the log are the task’s, and nothing is left`, async ({
      berth,
      job,
      gone,
    }) => {
      const done = await berth.run(['send', `echo out; exit ${code}`, '--wait', ...job]);

      expect(done).toMatchObject({ code, stdout: 'out\n' });
      await gone();
    });
  }

  test('in the foreground too', async ({ berth, job }) => {
    const done = await berth.run(['run', ...job, '--', 'sh', '-c', 'echo out; exit 11']);

    expect(done).toMatchObject({ code: 11, stdout: 'out\n' });
  });

  test('variables arrive, and no Job shows them', async ({ namespace, berth, job, queued, ended }) => {
    const id = await queued(
      'echo "$API_TOKEN"; while [ ! -e /tmp/go ]; do sleep 0.1; done',
      '--env',
      `API_TOKEN=it's "hunter2" $x`,
      ...job,
    );
    const pod = await namespace.runningPod();
    const shown = await namespace.kubectl('get', 'jobs,pods', '--output=json');
    await namespace.inside(pod, 'touch', '/tmp/go');
    await ended(id);

    expect(shown).not.toContain('hunter2');
    expect((await berth.run(['logs', id])).stdout).toBe(`it's "hunter2" $x\n`);
    await eventually(
      'no Secret is left',
      async () => !(await namespace.kubectl('get', 'secrets')).includes('berth-'),
    );
  });

  test('what could not start in the pod is told from a program that failed', async ({
    job,
    queued,
    ended,
  }) => {
    const ids = [
      await queued('true', '--prereq', 'exit 4', ...job),
      await queued(...job, '--', 'no-such-program', 'x'),
    ];
    const [prerequisite, program] = await Promise.all(ids.map((id) => ended(id)));

    expect(prerequisite).toMatchObject({ outcome: 'not_started', error_code: 'PREREQUISITE_FAILED' });
    expect(program).toMatchObject({ outcome: 'not_started', error_code: 'PROGRAM_NOT_FOUND' });
  });

  test('resources, node labels and a manifest of the user’s own are in the Job', async ({
    namespace,
    berth,
    job,
    queued,
    ended,
  }) => {
    const template = manifest(`
metadata: {annotations: {team: blue}}
spec:
  template:
    spec:
      automountServiceAccountToken: false
      volumes: [{name: scratch, emptyDir: {}}]
      containers:
      - name: task
        image: replaced:1
        imagePullPolicy: Never
        env: [{name: FROM_MANIFEST, value: yes-it-is}]
        volumeMounts: [{name: scratch, mountPath: /scratch}]
`);
    const options = [
      '--kube-manifest',
      template,
      '--kube-resource',
      'memory=64Mi',
      '--kube-node',
      'kubernetes.io/os=linux',
    ];
    const id = await queued(
      'echo $FROM_MANIFEST; while [ ! -e /scratch/go ]; do sleep 0.1; done',
      ...options,
      ...job,
    );
    const pod = await namespace.runningPod();
    const [found] = (await namespace.json('jobs')).items;
    await namespace.inside(pod, 'touch', '/scratch/go');

    expect(found).toMatchObject({
      metadata: { annotations: { team: 'blue' }, labels: { 'app.kubernetes.io/managed-by': 'berth' } },
      spec: {
        backoffLimit: 0,
        template: {
          spec: {
            restartPolicy: 'Never',
            nodeSelector: { 'kubernetes.io/os': 'linux' },
            containers: [
              { image: IMAGE, resources: { limits: { memory: '64Mi' }, requests: { memory: '64Mi' } } },
            ],
          },
        },
      },
    });
    expect(await ended(id)).toMatchObject({ outcome: 'succeeded' });
    expect((await berth.run(['logs', id])).stdout).toBe('yes-it-is\n');
  });

  test('fields that the server would drop are refused before anything runs', async ({
    namespace,
    job,
    queued,
    ended,
  }) => {
    const version = JSON.parse(await namespace.kubectl('version', '--output=json')).serverVersion;
    const isOld = Number.parseInt(version.minor, 10) < 21;
    const field = isOld ? 'suspend: true' : 'noSuchField: true';
    const id = await queued('true', '--kube-manifest', manifest(`spec: {${field}}`), ...job);

    expect(await ended(id)).toMatchObject({
      outcome: 'not_started',
      error_code: 'JOB_REFUSED',
      cause: expect.stringMatching(/spec\.(suspend|noSuchField)|noSuchField/),
    });
    expect((await namespace.json('jobs')).items).toEqual([]);
  });

  test('a node that nobody has: not started, with the scheduler’s words', async ({
    job,
    queued,
    ended,
    gone,
  }) => {
    const id = await queued('true', '--kube-node', 'disk=of-gold', '--kube-pending-timeout', '30s', ...job);

    expect(await ended(id)).toMatchObject({
      outcome: 'not_started',
      error_code: 'JOB_UNSCHEDULABLE',
      cause: expect.stringMatching(/0\/1 nodes are available/),
    });
    await gone();
  });

  test('an image that is nowhere: not started, with the kubelet’s words', async ({
    namespace,
    queued,
    ended,
    gone,
  }) => {
    const never = manifest('spec: {template: {spec: {containers: [{name: task, imagePullPolicy: Never}]}}}');
    const options = ['--kube-job', '--container-image', 'no-such-image:1', '--kube-manifest', never];
    const id = await queued('true', ...options, ...namespace.options);

    expect(await ended(id)).toMatchObject({
      outcome: 'not_started',
      error_code: 'IMAGE_MISSING',
      cause: expect.stringMatching(/image/i),
    });
    await gone();
  });

  test('cancel and the time limit end the Job and wait until its pod is gone', async ({
    namespace,
    berth,
    job,
    running,
    queued,
    ended,
  }) => {
    const stubborn = 'trap "" TERM; echo up; while :; do sleep 1; done';
    const [cancelled, limited] = await Promise.all([
      running(stubborn, job),
      queued('sleep 1000', '--timeout', '4s', ...job),
    ]);
    await berth.run(['cancel', cancelled]);

    expect(await ended(cancelled)).toMatchObject({ outcome: 'cancelled' });
    expect(await ended(limited)).toMatchObject({ outcome: 'timed_out' });
    expect((await namespace.json('pods')).items).toEqual([]);
  });

  test('a Job that ran out of memory says so', async ({ job, queued, ended }) => {
    const eat = 'x=a; while :; do x=$x$x$x; done';
    const id = await queued(eat, '--kube-resource', 'memory=16Mi', ...job);

    expect(await ended(id)).toMatchObject({ outcome: 'failed', exit_code: 137, oom: true });
  });

  test('a pod that is taken away: lost, and no second pod goes on', async ({
    namespace,
    berth,
    job,
    queued,
    ended,
    gone,
  }) => {
    const id = await queued('echo up; sleep 1000', ...job);
    await eventually('it runs', async () => (await berth.run(['logs', id])).stdout.includes('up'));
    const [pod] = (await namespace.json('pods')).items;
    await namespace.kubectl('delete', 'pod', pod?.metadata.name ?? '', '--grace-period=0', '--force');

    expect(await ended(id)).toMatchObject({
      outcome: 'lost',
      cause: expect.stringMatching(/removed|more than one/),
    });
    await gone();
  });

  test('a second pod that was started while no worker looked: lost, and it is removed', async ({
    namespace,
    job,
    ended,
    gone,
  }) => {
    await using own = new Berth();
    const worker = await own.up();
    const { id } = await own.json(['send', 'echo up; sleep 1000', ...job]);
    await eventually('it runs', async () => (await own.run(['logs', String(id)])).stdout.includes('up'));
    process.kill(worker, 'SIGKILL');
    const [first] = (await namespace.json('pods')).items;
    await namespace.kubectl('delete', 'pod', first?.metadata.name ?? '', '--grace-period=0', '--force');
    const hasSecond = async () =>
      (await namespace.json('pods')).items.some(({ metadata }) => metadata.uid !== first?.metadata.uid);
    // a cluster that counts a deleted pod as failed starts no other one
    const hasFailed = async () =>
      /Failed/.test(await namespace.kubectl('get', 'jobs', '--output=jsonpath={..conditions[*].type}'));
    await eventually('the cluster has seen it', async () => (await hasSecond()) || (await hasFailed()));
    await own.up();

    expect(await ended(String(id), own)).toMatchObject({
      outcome: 'lost',
      cause: expect.stringMatching(/removed|more than one/),
      attempts: [{}],
    });
    await gone();
  });

  test('a worker killed with SIGKILL: the next one adopts the Job, and it runs once', async ({
    namespace,
    job,
    ended,
  }) => {
    await using own = new Berth();
    const worker = await own.up();
    // goes on only when the next worker is there
    const half = 'while [ $i -lt $1 ]; do i=$((i+1)); echo line $i; done';
    const line = `i=0; f() { ${half}; }; f 20; while [ ! -e /tmp/go ]; do sleep 0.1; done; f 40; exit 17`;
    const { id } = await own.json(['send', line, ...job]);
    const log = join(own.home, 'runs', `${id}-1`, 'out.log');
    await eventually('it writes', () => readOrEmpty(log).includes('line 20'));
    process.kill(worker, 'SIGKILL');
    await own.up();
    await namespace.inside(await namespace.runningPod(), 'touch', '/tmp/go');
    const after = await ended(String(id), own);

    expect(after).toMatchObject({ outcome: 'failed', exit_code: 17, attempts: [{}] });
    expect(readOrEmpty(log)).toBe(Array.from({ length: 40 }, (_, index) => `line ${index + 1}\n`).join(''));
  });
});

function manifest(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'berth-manifest-')), 'job.yaml');
  writeFileSync(path, text);
  return path;
}
