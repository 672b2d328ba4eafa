import { describe } from 'vitest';
import type { ResolvedContainer } from '../src/core/context.ts';
import { localHost } from '../src/hosts/local.ts';
import { kubeApis } from '../src/runtimes/kubernetes/api.ts';
import { kubernetesRuntime } from '../src/runtimes/kubernetes.ts';
import { runtimeContract } from '../src/testing/runtime-contract.ts';
import { aPod, CONTEXT, IMAGE, TestNamespace } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';

const host = localHost();
const apis = kubeApis(host);

// on a busy machine dockershim gives up asking Docker for the exit code of an exec, and says 0: why a run has
// an end mark, which a bare command has not
describeWith(['kubernetes'], 'kubernetes', () => {
  describe('with patience', { retry: 3 }, () => contract());
});

function contract(): void {
  runtimeContract('a pod', async () => {
    const namespace = await TestNamespace.open();
    await namespace.apply(aPod('box'));
    await namespace.ready('box');
    const container: ResolvedContainer = {
      type: 'kubernetes',
      runtime: 'kubernetes',
      engine: 'kubectl',
      id: 'box/main',
      hostname: 'box',
      image: IMAGE,
      project: null,
      service: null,
      compose: null,
      pod: 'box',
      namespace: namespace.name,
      kubeContext: CONTEXT,
      podContainer: { name: 'main', podUid: '', containerId: '' },
      volumes: {},
      ports: {},
      start: null,
      reason: 'the test says so',
      rejected: [],
    };
    return {
      host,
      runtime: kubernetesRuntime(async (context) => apis(context)),
      container,
      owns: false,
      census: async () => (await namespace.json('pods')).items.map(({ metadata }) => `${metadata.name}/main`),
      vanish: async () =>
        void (await namespace.kubectl('delete', 'pod', 'box', '--grace-period=0', '--force')),
      close: () => namespace[Symbol.asyncDispose](),
    };
  });
}
