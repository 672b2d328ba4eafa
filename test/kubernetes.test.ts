import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from './support/berth.ts';
import { aDeployment, aPod, CONTEXT, TestNamespace } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';

describeWith(['kubernetes'], 'tasks in pods', () => {
  let namespace: TestNamespace;
  let berth: Berth;
  beforeAll(async () => {
    namespace = await TestNamespace.open();
    berth = new Berth();
    await namespace.apply(
      aPod('box', { labels: { tier: 'one' } }),
      aPod('annotated', {
        containers: ['log', 'app'],
        annotations: { 'kubectl.kubernetes.io/default-container': 'app' },
      }),
      aPod('meshed', { containers: ['istio-proxy', 'web'] }),
      aPod('twins', { containers: ['left', 'right'], labels: { tier: 'one' } }),
      aPod('sick', { container: { readinessProbe: { exec: { command: ['false'] } } } }),
      aPod('lost', { container: { image: 'no-such-image:1' } }),
      aDeployment('web', 2),
      aDeployment('none', 0),
    );
    await Promise.all(['box', 'annotated', 'meshed', 'twins'].map((pod) => namespace.ready(pod)));
    await namespace.kubectl('rollout', 'status', 'deployment/web', '--timeout=150s');
  });
  afterAll(async () => {
    await berth?.[Symbol.asyncDispose]();
    await namespace?.[Symbol.asyncDispose]();
  });

  const run = (...args: readonly string[]) => berth.run(['run', ...namespace.options, ...args]);
  const explained = async (...args: readonly string[]) =>
    (await berth.json(['explain', ...namespace.options, ...args])).container;
  const refusal = async (...args: readonly string[]) => {
    const { code, stderr, stdout } = await run(...args, '--', 'echo', 'it ran');
    expect({ code, ran: stdout.includes('it ran') }).toEqual({ code: 125, ran: false });
    return stderr;
  };

  test.concurrent('output and exit code are the program’s', async () => {
    const ended = await run('--pod', 'deployment/web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 11');

    expect(ended).toMatchObject({ code: 11, stdout: 'out\n', stderr: expect.stringMatching(/^err\n$/m) });
  });

  test.concurrent('the default-container annotation is followed, sidecars are passed over', async () => {
    expect(await explained('--pod', 'annotated')).toMatchObject({ id: 'annotated/app' });
    expect(await explained('--pod', 'meshed')).toMatchObject({ id: 'meshed/web' });
    expect(await explained('--pod', 'twins', '--kube-container', 'right')).toMatchObject({
      id: 'twins/right',
    });
  });

  test.concurrent('of equal replicas one ready pod is taken, and explain says which', async () => {
    const { pod, reason, rejected } = await explained('--pod', 'deployment/web');

    expect(pod).toMatch(/^web-/);
    expect(reason).toContain('first of 2 ready pods');
    expect(reason).toContain(`Context ${CONTEXT}, namespace ${namespace.name}`);
    expect(rejected).toHaveLength(1);
  });

  test.concurrent('what is ambiguous is refused with the names', async () => {
    expect(await refusal('--pod', 'twins')).toMatch(
      /CONTEXT_AMBIGUOUS.*left, right[\s\S]*--kube-container left/,
    );
    expect(await refusal('--selector', 'tier=one')).toMatch(/CONTEXT_AMBIGUOUS.*box and twins/);
  });

  test.concurrent.each<[string, readonly string[], string]>([
    ['a pod that is not there', ['--pod', 'nobody'], 'POD_NOT_FOUND'],
    ['a workload that is not there', ['--pod', 'statefulset/nobody'], 'POD_NOT_FOUND'],
    ['labels of no pod', ['--selector', 'app=nobody'], 'POD_NOT_FOUND'],
    ['zero replicas', ['--pod', 'deployment/none'], 'NO_REPLICAS'],
    ['a pod that never becomes ready', ['--pod', 'sick'], 'POD_NOT_READY'],
    ['a pod whose image is nowhere', ['--pod', 'lost'], 'POD_NOT_READY'],
    ['an unknown container', ['--pod', 'box', '--kube-container', 'nobody'], 'CONTAINER_NOT_FOUND'],
    ['an unknown kind', ['--pod', 'deploymnet/web'], 'INVALID_VALUE'],
    ['no pod at all', [], 'CONTEXT_INCOMPLETE'],
  ])('%s: nothing runs, and the code says why', async (_, options, code) => {
    expect(await refusal(...options)).toContain(`berth: ${code}: `);
  });

  test.concurrent('names that begin with a dash are refused', async () => {
    for (const option of ['--pod=-x', '--pod=deployment/-x', '--namespace=-x', '--kube-container=-x']) {
      const pod = option.startsWith('--pod') ? [] : ['--pod', 'box'];
      const { code, stderr } = await run(option, ...pod, '--', 'true');
      expect([64, 125], option).toContain(code);
      expect(stderr).toContain('INVALID_VALUE');
    }
  });
});
