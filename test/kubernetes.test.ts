import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from './support/berth.ts';
import {
  aDeployment,
  aPod,
  CONTEXT,
  eventually,
  kubectl,
  processes,
  TestNamespace,
} from './support/cluster.ts';
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
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const file = join(berth.home, 'kubeconfig');
    const cluster = (name: string, server: string) => `- {name: ${name}, cluster: {server: "${server}"}}`;
    const context = (name: string) => `- {name: ${name}, context: {cluster: ${name}, user: nobody}}`;
    writeFileSync(
      file,
      [
        'apiVersion: v1\nkind: Config\nclusters:',
        cluster('strict', `http://127.0.0.1:${port}`),
        cluster('away', 'https://127.0.0.1:1'),
        'users:\n- {name: nobody, user: {}}\ncontexts:',
        context('strict'),
        context('away'),
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
  });

  test('who may not exec is told the verb that is missing', async () => {
    const reader = await asReader(namespace);
    await using other = new Berth({ KUBECONFIG: reader });
    const { code, stderr } = await other.run([
      'run',
      '--kube-context',
      'reader',
      '--namespace',
      namespace.name,
      '--pod',
      'box',
      '--',
      'true',
    ]);

    expect(code).toBe(125);
    expect(stderr).toMatch(/KUBE_FORBIDDEN: You may not `create pods\/exec` in context reader/);
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

  test('the worker, kubectl and the stream are cut: the same attempt ends with its code and all its lines', async () => {
    await using own = new Berth();
    const worker = await own.up();
    const lines =
      'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo line $i; echo error $i >&2; sleep 0.1; done; exit 17';
    const { id } = await own.json(['send', lines, ...namespace.options, '--pod', 'box']);
    const out = () => readOrEmpty(join(own.home, 'runs', `${id}-1`, 'out.log'));
    await eventually('it writes', () => out().includes('line 5\n'));
    process.kill(await kubectlOf(worker), 'SIGKILL');
    await eventually('it goes on', () => out().includes('line 20\n'));
    process.kill(worker, 'SIGKILL');
    await eventually('nobody listens', async () => (await processes(namespace, 'box', 'follow')).length >= 0);
    await own.up();
    await own.run(['wait', String(id)]);

    const numbers = Array.from({ length: 60 }, (_, index) => index + 1);
    expect(await own.json(['show', String(id)])).toMatchObject({
      outcome: 'failed',
      exit_code: 17,
      attempts: [{}],
    });
    expect(out()).toBe(numbers.map((number) => `line ${number}\n`).join(''));
    expect(readOrEmpty(join(own.home, 'runs', `${id}-1`, 'err.log'))).toBe(
      numbers.map((number) => `error ${number}\n`).join(''),
    );
    expect(
      await namespace.inside('box', 'sh', '-c', 'ls -d /tmp/.berth-* /dev/shm/.berth-* 2>/dev/null; :'),
    ).toBe('');
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

  test.each([
    [
      'a pod that is deleted',
      'kill-me',
      ['delete', 'pod', 'kill-me', '--grace-period=0', '--force'],
      /removed/,
    ],
  ])('%s under a task: lost, with the cause', async (_, pod, deed, words) => {
    await namespace.apply(aPod(pod));
    await namespace.ready(pod);
    await using own = new Berth();
    await own.up();
    const { id } = await own.json(['send', 'echo up; sleep 1000', ...namespace.options, '--pod', pod]);
    await eventually('it runs', () =>
      readOrEmpty(join(own.home, 'runs', `${id}-1`, 'out.log')).includes('up'),
    );
    await namespace.kubectl(...deed);
    await own.run(['wait', String(id)]);

    expect(await own.json(['show', String(id)])).toMatchObject({
      outcome: 'lost',
      cause: expect.stringMatching(words),
    });
  });

  test('a container that is restarted under a task: lost, with the cause', async () => {
    await namespace.apply(
      aPod('again', {
        container: { command: ['sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.1; done'] },
      }),
    );
    await namespace.ready('again');
    await using own = new Berth();
    await own.up();
    const { id } = await own.json(['send', 'echo up; sleep 1000', ...namespace.options, '--pod', 'again']);
    await eventually('it runs', () =>
      readOrEmpty(join(own.home, 'runs', `${id}-1`, 'out.log')).includes('up'),
    );
    await namespace.inside('again', 'sh', '-c', 'kill -TERM 1');
    await own.run(['wait', String(id)]);

    expect(await own.json(['show', String(id)])).toMatchObject({
      outcome: 'lost',
      cause: expect.stringMatching(/code 3|restarted/),
    });
  });

  test('where nothing can be written the task runs attached', async () => {
    await namespace.apply(
      aPod('sealed', { container: { securityContext: { readOnlyRootFilesystem: true } } }),
    );
    await namespace.ready('sealed');
    await using own = new Berth();
    await own.up();
    const ended = await own.run([
      'send',
      'touch /x; echo out; exit 6',
      '--wait',
      ...namespace.options,
      '--pod',
      'sealed',
    ]);

    expect(ended).toMatchObject({ code: 6, stdout: 'out\n' });
  });
});

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The kubectl exec that a worker has started. */
async function kubectlOf(worker: number): Promise<number> {
  const children = readFileSync(`/proc/${worker}/task/${worker}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number);
  const found = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('kubectl\0'));
  if (found === undefined) throw new Error('The worker has no kubectl.');
  return found;
}

/** A kubeconfig of somebody who may look at pods and nothing else. */
async function asReader({ name }: TestNamespace): Promise<string> {
  const { server, token } = await readerOf(name);
  const dir = mkdtempSync(join(tmpdir(), 'berth-reader-'));
  const file = join(dir, 'config');
  writeFileSync(
    file,
    `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "${server}", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: ${token}}}]
contexts: [{name: reader, context: {cluster: c, user: u}}]
`,
  );
  return file;
}

async function readerOf(namespace: string) {
  const scoped = (...args: readonly string[]) => kubectl([`--namespace=${namespace}`, ...args]);
  await scoped('create', 'serviceaccount', 'reader');
  await scoped('create', 'role', 'reader', '--verb=get,list', '--resource=pods');
  await scoped('create', 'rolebinding', 'reader', '--role=reader', `--serviceaccount=${namespace}:reader`);
  const server = await kubectl([
    'config',
    'view',
    '--minify',
    '--output=jsonpath={.clusters[0].cluster.server}',
  ]);
  const asked = await scoped('create', 'token', 'reader').catch(async () => {
    const secret = (
      await scoped(
        'get',
        'secrets',
        '--output=jsonpath={.items[?(@.metadata.annotations.kubernetes\\.io/service-account\\.name=="reader")].data.token}',
      )
    ).trim();
    return Buffer.from(secret, 'base64').toString();
  });
  return { server, token: asked.trim() };
}
