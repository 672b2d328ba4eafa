import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from './support/berth.ts';
import { aPod, CONTEXT, TestNamespace } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';

describeWith(['kubernetes'], 'which cluster may be used', () => {
  let namespace: TestNamespace;
  let berth: Berth;
  beforeAll(async () => {
    namespace = await TestNamespace.open();
    berth = new Berth();
    await namespace.apply(aPod('box'));
    await namespace.ready('box');
  });
  afterAll(async () => {
    await berth?.[Symbol.asyncDispose]();
    await namespace?.[Symbol.asyncDispose]();
  });

  test.concurrent('a cluster that cannot be asked: each its own code, and nothing hangs', async () => {
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

    const ends = await Promise.all([
      said(other, 'strict'),
      said(other, 'away'),
      said(other, 'mute'),
      said(other, 'awya'),
      said(none, 'any'),
      said(other, 'current'),
    ]);

    expect(ends.map(({ code, stdout }) => ({ code, stdout }))).toEqual(
      ends.map(() => ({ code: 125, stdout: '' })),
    );
    expect(ends.map(({ stderr }) => stderr)).toEqual(
      [
        /CLUSTER_UNAUTHORIZED/,
        /CLUSTER_UNREACHABLE/,
        /CLUSTER_UNREACHABLE.*no answer within/,
        /KUBE_CONTEXT_NOT_FOUND[\s\S]*Did you mean away/,
        /KUBECONFIG_MISSING/,
        /KUBECONFIG_MISSING/,
      ].map((words) => expect.stringMatching(words)),
    );
    silent.close();
    mute.closeAllConnections();
    mute.close();
  });

  test.concurrent('without kubectl nothing starts, from the queue neither', async () => {
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

  test.concurrent('the user’s own settings stand above what a project says', async () => {
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

  test.concurrent('the ambient context is taken only when asked for, and shown', async () => {
    const ambient = ['--kube-context', 'current', '--namespace', namespace.name, '--pod', 'box'];
    const { container } = await berth.json(['explain', ...ambient]);

    expect(container.reason).toContain(`Context ${CONTEXT}, namespace ${namespace.name}`);
    const { stderr } = await berth.run(['run', '--namespace', namespace.name, '--pod', 'box', '--', 'true']);
    expect(stderr).toContain('CONTEXT_INCOMPLETE');
  });
});

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
