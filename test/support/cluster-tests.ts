import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import type { TaskView } from '../../src/actions/task-rows.ts';
import { Berth } from './berth.ts';
import { aPod, eventually, IMAGE, type PodWish, readOrEmpty, TestNamespace } from './cluster.ts';

/** What one test has to itself on the cluster. */
export interface Place {
  readonly namespace: TestNamespace;
  /** With a worker; its queue is that of all tests of the file. */
  readonly berth: Berth;
  /** Options of a Job here. */
  readonly job: readonly string[];
  inPod(name: string): readonly string[];
  aReadyPod(name: string, wish?: PodWish): Promise<void>;
  /** The id of a task that waits or runs. */
  queued(...args: readonly string[]): Promise<string>;
  /** The id of a task, once it has written `up`. */
  running(line: string, options: readonly string[]): Promise<string>;
  /** What `show --json` prints of a task, once it has ended. */
  ended(id: string, who?: Berth): Promise<TaskView>;
  /** Resolves when neither Job nor pod is left. */
  gone(): Promise<void>;
}

type ClusterTest = (title: string, act: (place: Place) => Promise<void>) => void;

/**
 * Tests that run side by side, each in a namespace of its own, with one worker for all of them. To be called
 * where the tests are described.
 */
export function clusterTests(): ClusterTest {
  let berth: Berth;
  beforeAll(async () => {
    berth = new Berth();
    await berth.up('--slots', '20');
  });
  afterAll(() => berth?.[Symbol.asyncDispose]());
  return (title, act) =>
    test.concurrent(title, async () => {
      await using namespace = await TestNamespace.open();
      await act(placeOf(namespace, berth));
    });
}

function placeOf(namespace: TestNamespace, berth: Berth): Place {
  const queued = async (...args: readonly string[]) => String((await berth.json(['send', ...args])).id);
  return {
    namespace,
    berth,
    job: [...namespace.options, '--kube-job', '--container-image', IMAGE],
    inPod: (name) => [...namespace.options, '--pod', name],
    aReadyPod: async (name, wish) => {
      await namespace.apply(aPod(name, wish));
      await namespace.ready(name);
    },
    queued,
    running: async (line, options) => {
      const id = await queued(line, ...options);
      const log = join(berth.home, 'runs', `${id}-1`, 'out.log');
      await eventually('it runs', () => readOrEmpty(log).includes('up'));
      return id;
    },
    ended: async (id, who = berth) => {
      await who.run(['wait', id]);
      return who.json(['show', id]);
    },
    gone: () =>
      eventually('no Job and no pod is left', async () => {
        return (await namespace.kubectl('get', 'jobs,pods', '--output=name')) === '';
      }),
  };
}
