import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from './support/berth.ts';
import { CONTEXT, IMAGE, TestNamespace } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';

const COUNT = 200;
const PATIENCE_MS = 660_000;

describeWith(['kubernetes'], 'many Jobs', () => {
  let namespace: TestNamespace;
  beforeAll(async () => {
    namespace = await TestNamespace.open();
  });
  afterAll(() => namespace?.[Symbol.asyncDispose]());

  test(`${COUNT} Jobs through one worker: all succeed, none runs twice`, {
    timeout: PATIENCE_MS,
  }, async () => {
    await using own = new Berth();
    await own.up('--slots', '40');
    const seen = new Set<string>();
    const watching = spawn('kubectl', [
      ...[`--context=${CONTEXT}`, `--namespace=${namespace.name}`, 'get', 'pods', '--watch'],
      '--output=jsonpath={.metadata.labels.dev\\.berth/job} {.metadata.uid}{"\\n"}',
    ]);
    watching.stdout.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n')) if (line !== '') seen.add(line);
    });
    const where = { 'kube-context': CONTEXT, namespace: namespace.name };
    const line = JSON.stringify({ command: ['true'], 'kube-job': true, 'container-image': IMAGE, ...where });
    const batch = join(own.home, 'batch.jsonl');
    writeFileSync(batch, `${line}\n`.repeat(COUNT));
    const sent = await own.run(['send', '--batch', batch]);
    const ids = sent.stdout.trim().split('\n');
    const done = await own.run(['wait', ...ids]);
    watching.kill();

    expect([ids.length, done.code]).toEqual([COUNT, 0]);
    const tasks: readonly { readonly outcome: string; readonly attempt: number }[] = await own.json(['list']);
    expect(tasks.filter(({ outcome, attempt }) => outcome === 'succeeded' && attempt === 1)).toHaveLength(
      COUNT,
    );
    const jobs = [...seen].map((line) => line.split(' ')[0]);
    expect(jobs).toHaveLength(new Set(jobs).size);
    expect(jobs.length).toBeGreaterThanOrEqual(COUNT);
  });
});
