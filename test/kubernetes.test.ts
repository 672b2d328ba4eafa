import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from './support/berth.ts';
import { aDeployment, aPod, CONTEXT, eventually, processes, TestNamespace } from './support/cluster.ts';
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

  test('output and exit code are the program’s', async () => {
    const ended = await run('--pod', 'deployment/web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 11');

    expect(ended).toMatchObject({ code: 11, stdout: 'out\n', stderr: expect.stringMatching(/^err\n$/m) });
  });

  test('the default-container annotation is followed, sidecars are passed over', async () => {
    expect(await explained('--pod', 'annotated')).toMatchObject({ id: 'annotated/app' });
    expect(await explained('--pod', 'meshed')).toMatchObject({ id: 'meshed/web' });
    expect(await explained('--pod', 'twins', '--kube-container', 'right')).toMatchObject({
      id: 'twins/right',
    });
  });

  test('of equal replicas one ready pod is taken, and explain says which', async () => {
    const { pod, reason, rejected } = await explained('--pod', 'deployment/web');

    expect(pod).toMatch(/^web-/);
    expect(reason).toContain('first of 2 ready pods');
    expect(reason).toContain(`Context ${CONTEXT}, namespace ${namespace.name}`);
    expect(rejected).toHaveLength(1);
  });

  test('what is ambiguous is refused with the names', async () => {
    expect(await refusal('--pod', 'twins')).toMatch(
      /CONTEXT_AMBIGUOUS.*left, right[\s\S]*--kube-container left/,
    );
    expect(await refusal('--selector', 'tier=one')).toMatch(/CONTEXT_AMBIGUOUS.*box and twins/);
  });

  test.each<[string, readonly string[], string]>([
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

  test('names that begin with a dash are refused', async () => {
    for (const option of ['--pod=-x', '--pod=deployment/-x', '--namespace=-x', '--kube-container=-x']) {
      const pod = option.startsWith('--pod') ? [] : ['--pod', 'box'];
      const { code, stderr } = await run(option, ...pod, '--', 'true');
      expect([64, 125], option).toContain(code);
      expect(stderr).toContain('INVALID_VALUE');
    }
  });

  test('a cluster that cannot be asked: each its own code, and nothing hangs', async () => {
    const silent = createServer((request, response) => {
      request.resume();
      response.writeHead(401, { 'Content-Type': 'application/json' });
      response.end('{"kind":"Status","message":"Unauthorized"}');
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const file = join(berth.home, 'kubeconfig');
    const cluster = (name: string, server: string) => `- {name: ${name}, cluster: {server: "${server}"}}`;
    const context = (name: string) => `- {name: ${name}, context: {cluster: ${name}, user: nobody}}`;
    writeFileSync(
      file,
      [
        'apiVersion: v1\nkind: Config\nclusters:',
        cluster('strict', `http://127.0.0.1:${portOf(silent)}`),
        cluster('away', 'https://127.0.0.1:1'),
        cluster('mute', `http://127.0.0.1:${portOf(mute)}`),
        'users:\n- {name: nobody, user: {}}\ncontexts:',
        context('strict'),
        context('away'),
        context('mute'),
      ].join('\n'),
    );
    await using other = new Berth({ KUBECONFIG: file });
    await using none = new Berth({ KUBECONFIG: join(berth.home, 'no-such-file') });
    const said = async (who: Berth, name: string) =>
      await who.run([
        'run',
        '--kube-context',
        name,
        '--namespace',
        'x',
        '--pod',
        'p',
        '--',
        'echo',
        'it ran',
      ]);

    expect(await said(other, 'strict')).toMatchObject({
      code: 125,
      stdout: '',
      stderr: expect.stringContaining('CLUSTER_UNAUTHORIZED'),
    });
    expect(await said(other, 'away')).toMatchObject({
      code: 125,
      stdout: '',
      stderr: expect.stringContaining('CLUSTER_UNREACHABLE'),
    });
    expect(await said(other, 'mute')).toMatchObject({
      code: 125,
      stdout: '',
      stderr: expect.stringMatching(/CLUSTER_UNREACHABLE.*no answer within/),
    });
    expect(await said(other, 'awya')).toMatchObject({
      code: 125,
      stderr: expect.stringMatching(/KUBE_CONTEXT_NOT_FOUND[\s\S]*Did you mean away/),
    });
    expect(await said(none, 'any')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('KUBECONFIG_MISSING'),
    });
    expect(await said(other, 'current')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('KUBECONFIG_MISSING'),
    });
    silent.close();
    mute.closeAllConnections();
    mute.close();
  });

  test('without kubectl nothing starts, from the queue neither', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'berth-bin-'));
    symlinkSync('/bin/sh', join(bin, 'sh'));
    await using own = new Berth({ PATH: bin });
    await own.up();
    const where = [...namespace.options, '--pod', 'box'];

    for (const args of [
      ['run', ...where, '--', 'true'],
      ['send', 'true', '--wait', ...where],
    ]) {
      const { code, stderr } = await own.run(args);
      expect({ code, stderr }).toMatchObject({
        code: 125,
        stderr: expect.stringContaining('RUNTIME_UNAVAILABLE'),
      });
    }
  });

  test('a container without a shell says so, in the queue too', async () => {
    const tool = { image: 'berth-scratch:latest', command: ['/bin/sleep', '100000'] };
    await namespace.apply(aPod('bare', { container: tool }));
    await namespace.ready('bare');

    expect(await refusal('--pod', 'bare')).toContain('NO_SHELL');
    await using own = new Berth();
    await own.up();
    const queued = await own.run(['send', 'true', '--wait', ...namespace.options, '--pod', 'bare']);
    expect(queued).toMatchObject({ code: 125, stderr: expect.stringContaining('NO_SHELL') });
  });

  test('the user’s own settings stand above what a project says', async () => {
    const config = mkdtempSync(join(tmpdir(), 'berth-config-'));
    mkdirSync(join(config, 'berth'));
    const project = join(config, 'project');
    mkdirSync(project);
    const section = `kubernetes: {context: ${CONTEXT}, namespace: ${namespace.name}, pod: box}`;
    writeFileSync(join(project, 'berth.yaml'), `container: {use: true}\n${section}\n`);
    const settings = (text: string) => writeFileSync(join(config, 'berth', 'config.yaml'), text);
    await using guarded = new Berth({ XDG_CONFIG_HOME: config });
    const ran = () => guarded.run(['run', '--', 'hostname'], project);

    settings('kubernetes: {contexts: [dev-*]}');
    expect(await ran()).toMatchObject({
      code: 125,
      stderr: expect.stringMatching(/POLICY.*they allow dev-\*/),
    });
    settings(`kubernetes: {contexts: [${CONTEXT}], deny_namespaces: [berth-t-*]}`);
    expect(await ran()).toMatchObject({ code: 125, stderr: expect.stringMatching(/POLICY.*forbid/) });
    settings(`kubernetes: {contexts: [${CONTEXT}], deny_namespaces: [kube-*]}`);
    expect(await ran()).toMatchObject({ code: 0, stdout: 'box\n' });

    writeFileSync(
      join(project, 'berth.yaml'),
      'container: {use: true}\nkubernetes: {context: current, namespace: x, pod: box}\n',
    );
    expect(await ran()).toMatchObject({ code: 125, stderr: expect.stringContaining('POLICY') });
    rmSync(config, { recursive: true });
  });

  test('the ambient context is taken only when asked for, and shown', async () => {
    const { kubeContext, reason } = await (async () => {
      const { container } = await berth.json([
        'explain',
        '--kube-context',
        'current',
        '--namespace',
        namespace.name,
        '--pod',
        'box',
      ]);
      return container;
    })();
    expect(kubeContext ?? reason).toContain(CONTEXT);
    const { stderr } = await berth.run(['run', '--namespace', namespace.name, '--pod', 'box', '--', 'true']);
    expect(stderr).toContain('CONTEXT_INCOMPLETE');
  });

  test('cancel leaves nothing in the pod', async () => {
    await using own = new Berth();
    await own.up();
    const mark = `sleep 98765`;
    const { id } = await own.json([
      'send',
      `trap "" TERM; setsid ${mark} & ${mark}`,
      '--timeout',
      '10m',
      ...namespace.options,
      '--pod',
      'box',
    ]);
    await eventually('it runs', async () => (await processes(namespace, 'box', mark)).length > 0);
    await own.run(['cancel', String(id)]);
    await own.run(['wait', String(id)]);

    expect(await own.json(['show', String(id)])).toMatchObject({ outcome: 'cancelled' });
    expect(await processes(namespace, 'box', mark)).toEqual([]);
  });

  test('sessions show the pod', async () => {
    await using own = new Berth();
    await own.up();
    await own.run(['send', 'true', '--wait', ...namespace.options, '--pod', 'box']);
    const rows = await own.json(['sessions']);

    expect(rows).toContainEqual(
      expect.objectContaining({
        container_type: 'kubernetes',
        container_id: 'box/main',
        container_image: 'berth-busybox:latest',
      }),
    );
  });

  test('where the pod says that nothing can be written, explain, show and the sender are told: attached', async () => {
    await namespace.apply(
      aPod('sealed', {
        spec: { volumes: [{ name: 'shm', emptyDir: {} }] },
        container: {
          securityContext: { readOnlyRootFilesystem: true },
          volumeMounts: [{ name: 'shm', mountPath: '/dev/shm', readOnly: true }],
        },
      }),
    );
    await namespace.ready('sealed');
    await using own = new Berth();
    await own.up();
    const options = [...namespace.options, '--pod', 'sealed'];
    const done = await own.run(['send', 'touch /x; echo out; exit 6', '--wait', ...options]);
    const [{ id }] = await own.json(['list']);

    expect(done).toMatchObject({ code: 6, stdout: 'out\n', stderr: expect.stringContaining('is attached') });
    expect((await own.run(['explain', ...options])).stdout).toContain('is attached');
    expect((await own.run(['show', String(id)])).stdout).toContain('is attached');
  });

  test('where it turns out that nothing can be written, the log of the task says: attached', async () => {
    await namespace.apply(
      aPod('guest', {
        spec: { volumes: [{ name: 'none', emptyDir: {} }] },
        container: {
          securityContext: { runAsUser: 12345 },
          volumeMounts: ['/tmp', '/var/tmp', '/run', '/dev/shm'].map((mountPath) => ({
            name: 'none',
            mountPath,
            readOnly: true,
          })),
        },
      }),
    );
    await namespace.ready('guest');
    await using own = new Berth();
    await own.up();
    const options = [...namespace.options, '--pod', 'guest'];
    const done = await own.run(['send', 'echo out; echo err >&2; exit 6', '--wait', ...options]);

    expect(done).toMatchObject({ code: 6, stdout: 'out\n' });
    expect(done.stderr).toMatch(/berth: note: nothing can be written.*attached[^\n]*\nerr\n/);
  });
});

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
