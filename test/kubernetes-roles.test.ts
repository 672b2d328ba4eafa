import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Berth } from './support/berth.ts';
import { aDeployment, aPod, asAccount, IMAGE, TestNamespace } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';

/** The role that docs/kubernetes.md tells people to apply. */
function documentedRole(): { readonly metadata: object; readonly rules: readonly Rule[] } {
  const page = readFileSync(new URL('../docs/kubernetes.md', import.meta.url), 'utf8');
  const [, text = ''] = /```yaml\n(apiVersion: rbac[\s\S]*?)```/.exec(page) ?? [];
  return parse(text);
}

interface Rule {
  readonly resources: readonly string[];
}

describeWith(['kubernetes'], 'rights', () => {
  let namespace: TestNamespace;
  beforeAll(async () => {
    namespace = await TestNamespace.open();
    await namespace.apply(aPod('box'), aDeployment('web', 1));
    await namespace.ready('box');
    await namespace.kubectl('rollout', 'status', 'deployment/web', '--timeout=150s');
  });
  afterAll(() => namespace?.[Symbol.asyncDispose]());

  const withRole = async (name: string, rules: readonly Rule[]) =>
    new Berth({ KUBECONFIG: await asAccount(namespace, name, rules) });
  const where = (name: string) => ['--kube-context', name, '--namespace', namespace.name];
  const asJob = ['--kube-job', '--container-image', IMAGE];

  test('the role of the manual is enough for pods, workloads, and Jobs with variables', async () => {
    await using own = await withRole('worker', documentedRole().rules);
    await own.up();
    const runs = [
      ['run', ...where('worker'), '--pod', 'box', '--', 'sh', '-c', 'exit 11'],
      ['send', 'exit 12', '--wait', ...where('worker'), '--pod', 'deployment/web'],
      ['send', 'exit $CODE', '--wait', '--env', 'CODE=13', ...where('worker'), ...asJob],
    ];
    const ended = await Promise.all(runs.map((args) => own.run(args)));

    expect(ended.map(({ code }) => code)).toEqual([11, 12, 13]);
  });

  test('a role that can enter pods, but not over WebSocket, is enough as well', async () => {
    const rules = documentedRole().rules.map((rule) =>
      rule.resources.includes('pods/exec') ? { ...rule, verbs: ['create'] } : rule,
    );
    await using own = await withRole('poster', rules);
    const done = await own.run(['run', ...where('poster'), '--pod', 'box', '--', 'sh', '-c', 'exit 11']);

    expect(done.code).toBe(11);
  });

  test.each([
    ['pods/exec', ['--pod', 'box'], /KUBE_FORBIDDEN: You may not `create pods\/exec` in context looker/],
    ['jobs', asJob, /KUBE_FORBIDDEN: You may not `create jobs` in context looker/],
    ['pods', ['--pod', 'box'], /KUBE_FORBIDDEN.*pods "box" is forbidden/],
    ['deployments', ['--pod', 'deployment/web'], /KUBE_FORBIDDEN.*deployments.apps "web" is forbidden/],
    ['secrets', [...asJob, '--env', 'A=b'], /KUBE_FORBIDDEN.*secrets is forbidden/],
  ])(
    'without the right to %s nothing starts, and the right that is missing is named',
    async (missing, options, words) => {
      const rules = documentedRole()
        .rules.map((rule) => ({ ...rule, resources: rule.resources.filter((one) => one !== missing) }))
        .filter(({ resources }) => resources.length > 0);
      await using own = await withRole('looker', rules);
      const done = await own.run(['run', ...where('looker'), ...options, '--', 'echo', 'it ran']);

      expect(done).toMatchObject({ code: 125, stdout: '' });
      expect(done.stderr).toMatch(words);
    },
  );
});
