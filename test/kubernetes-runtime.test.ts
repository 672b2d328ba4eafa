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

// The built cluster's dockershim asks Docker five times, two seconds apart, whether a process has ended whose streams
// have, and then says 0 (kubelet, `ExecInContainer`): why a run has an end mark, which a bare command has not. Only
// that is tried again.
const WRONG_CODE = /^expected \+?0 to be [1-9]\d*\b/;

describeWith(['kubernetes'], 'kubernetes', () => {
  describe('but for dockershim', { retry: { count: 3, condition: WRONG_CODE } }, () => contract());
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
