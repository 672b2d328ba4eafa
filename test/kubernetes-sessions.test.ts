import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from './support/berth.ts';
import { aDeployment, eventually, IMAGE, processes, TestNamespace } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';

describeWith(['kubernetes', 'tmux'], 'sessions in pods', () => {
  let namespace: TestNamespace;
  let berth: Berth;
  beforeAll(async () => {
    namespace = await TestNamespace.open();
    berth = new Berth();
    await namespace.apply(aDeployment('web', 1));
    await namespace.kubectl('rollout', 'status', 'deployment/web', '--timeout=150s');
    await berth.up();
  });
  afterAll(async () => {
    await berth?.run(['session', 'rm', 'inside']);
    await berth?.[Symbol.asyncDispose]();
    await namespace?.[Symbol.asyncDispose]();
  });

  test('its shell is in the pod, its row says which, its tasks run there, and nothing is left', async () => {
    const [pod] = (await namespace.json('pods')).items;
    const name = pod?.metadata.name ?? '';
    const mark = ['--env', 'SESSION_OF_TEST=here'];
    const options = [...namespace.options, '--pod', 'deployment/web'];
    const made = await berth.json(['session', 'new', 'inside', ...mark, ...options]);

    expect(made).toMatchObject({
      kind: 'tmux',
      status: 'idle',
      container_type: 'kubernetes',
      container_id: `${name}/main`,
      container_image: IMAGE,
      container_namespace: namespace.name,
    });
    expect(await berth.json(['sessions'])).toContainEqual(
      expect.objectContaining({ name: 'inside', container_namespace: namespace.name }),
    );
    await eventually('the shell is there', async () => (await processes(namespace, name, 'sh')).length > 0);

    const done = await berth.run([
      'send',
      'hostname; exit 7',
      '--target',
      'inside',
      '--wait',
      ...['--workdir', berth.home],
    ]);
    expect(done).toMatchObject({ code: 7, stdout: `${name}\n` });

    await berth.run(['session', 'rm', 'inside']);
    await eventually(
      'nothing is left in the pod',
      // the pod's first program collects no orphans: zombies stand in brackets
      async () => (await processes(namespace, name, 'sh')).every((line) => line.includes('[')),
    );
  });

  test('a pod that is not there makes no session, and the code says why', async () => {
    const { code, stderr } = await berth.run([
      'session',
      'new',
      'nowhere',
      ...namespace.options,
      '--pod',
      'no',
    ]);

    expect(code).not.toBe(0);
    expect(stderr).toContain('POD_NOT_FOUND');
    expect(await berth.json(['sessions'])).not.toContainEqual(expect.objectContaining({ name: 'nowhere' }));
  });

  test('a Job cannot be a session', async () => {
    const job = ['--kube-job', '--container-image', IMAGE];
    const { code, stderr } = await berth.run(['session', 'new', 'job', ...namespace.options, ...job]);

    expect(code).not.toBe(0);
    expect(stderr).toContain('CONTEXT_CONFLICT');
  });
});
