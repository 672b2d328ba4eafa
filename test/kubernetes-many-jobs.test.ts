import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from '../src/actions/send.ts';
import type { ContextRequest } from '../src/core/context.ts';
import { wire } from '../src/wiring.ts';
import { Berth, until } from './support/berth.ts';
import { CONTEXT, IMAGE, TestNamespace } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';

const PATIENCE_MS = 600_000;

describeWith(['kubernetes'], 'many Jobs', () => {
  let namespace: TestNamespace;
  beforeAll(async () => {
    namespace = await TestNamespace.open();
  });
  afterAll(() => namespace?.[Symbol.asyncDispose]());

  test('200 Jobs through one worker: all succeed, none runs twice', {
    timeout: PATIENCE_MS + 60_000,
  }, async () => {
    await using own = new Berth();
    await own.up('--slots', '40');
    const deps = wire({ env: own.env, cwd: own.home, self: [process.execPath, ''] });
    const seen = new Set<string>();
    const watching = spawn('kubectl', [
      ...[`--context=${CONTEXT}`, `--namespace=${namespace.name}`, 'get', 'pods', '--watch'],
      '--output=jsonpath={.metadata.labels.dev\\.berth/job} {.metadata.uid}{"\\n"}',
    ]);
    watching.stdout.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n')) if (line !== '') seen.add(line);
    });
    for (let i = 0; i < 200; i++) await send(deps, aJob(own.home, namespace.name));
    const store = await deps.store();
    await until(
      'all have ended',
      async () => {
        const { pending, assigned, running } = await store.counts();
        return pending + assigned + running === 0;
      },
      PATIENCE_MS,
    );
    const tasks = await store.tasks({ limit: 200 });
    await store.close();
    watching.kill();

    const outcomes = tasks.map(({ state }) => (state.name === 'finished' ? state.outcome.kind : state.name));
    expect(outcomes).toEqual(Array.from({ length: 200 }, () => 'succeeded'));
    expect(tasks.every(({ attempts }) => attempts.length === 1)).toBe(true);
    const jobs = [...seen].map((line) => line.split(' ')[0]);
    expect(jobs).toHaveLength(new Set(jobs).size);
    expect(jobs.length).toBeGreaterThanOrEqual(200);
  });
});

function aJob(workdir: string, namespace: string) {
  const job = { serviceAccount: null, resources: {}, nodeSelector: {}, manifest: null, pendingMs: null };
  const context: ContextRequest = {
    host: 'local',
    workdir,
    env: {},
    prereqs: [],
    gitBranch: null,
    worktree: false,
    venv: { kind: 'off' },
    container: {
      mode: 'explicit',
      type: 'kubernetes',
      image: IMAGE,
      service: null,
      name: null,
      kubernetes: { pod: null, selector: null, container: null, context: CONTEXT, namespace, job },
      volumes: [],
      ports: [],
      user: null,
      engineArgs: [],
      allowHost: false,
      start: false,
      build: false,
    },
  };
  return { payload: { kind: 'argv', argv: ['true'] } as const, context, queue: {} };
}
