import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunsUnderTest, runContract } from '../../src/testing/run-contract.ts';
import { line } from '../../src/testing/runs.ts';
import { until } from '../support/berth.ts';
import { type Box, call, imageBox, runningBox, serviceBox } from '../support/boxes.ts';
import { describeWith } from '../support/engines.ts';
import { openRuns } from '../support/run-ways.ts';

/** What a test changes of the environment, and puts back. */
function changing(name: 'PATH' | 'DOCKER_HOST', value: string): () => void {
  const before = process.env[name];
  process.env[name] = value;
  return () => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  };
}

describeWith(['podman'], 'docker that is podman', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-as-docker-'));
  let back = () => {};
  beforeAll(() => {
    const podman = (process.env.PATH ?? '').split(':').map((dir) => join(dir, 'podman'));
    symlinkSync(podman.find((path) => existsSync(path)) ?? '', join(folder, 'docker'));
    back = changing('PATH', `${folder}:${process.env.PATH}`);
  });
  afterAll(() => {
    back();
    rmSync(folder, { recursive: true });
  });

  // the driver is that of docker and the engine is podman: both are tried in full where they are themselves
  const inShort = async (box: Box) => ({ ...(await openRuns('queue', box)), size: 'some' as const });
  runContract('own container, queue', async () => inShort(await imageBox('docker')));
  runContract('running container, queue', async () => inShort(await runningBox('docker')));
});

describeWith(['docker', 'compose', 'podman-rootless'], 'docker on podman’s socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-socket-'));
  let stop = () => {};
  beforeAll(async () => {
    chmodSync(folder, 0o777);
    const socket = `unix://${join(folder, 'podman.sock')}`;
    const service = ['podman', 'system', 'service', '--time=0', socket];
    const child = spawn(process.env.BERTH_TEST_ROOTLESS ?? '', service, { cwd: '/', stdio: 'ignore' });
    const back = changing('DOCKER_HOST', socket);
    stop = () => {
      back();
      child.kill();
    };
    await until('it answers', () => call('docker', 'version').then(Boolean, () => false));
  });
  afterAll(() => {
    stop();
    rmSync(folder, { recursive: true });
  });
  /** The service belongs to somebody who may not write to what is ours. */
  const shared = async (box: Box, way: RunsUnderTest['way'] = 'queue') => {
    chmodSync(box.project, 0o777);
    // it says of an unknown user only that something failed
    return { ...(await openRuns(way, box)), size: 'some' as const, hasUsers: false };
  };

  for (const [way, code] of [
    // docker's client does not pass on why
    ['queue', 'RUNTIME_UNAVAILABLE'],
    ['foreground', 'USER_NOT_FOUND'],
  ] as const) {
    test(`an unknown user starts nothing, ${way}`, async () => {
      const runs = await shared(await runningBox('docker'), way);
      const started = await runs.start({ payload: line('true'), user: 'nobody-of-that-name' });
      const { outcome } = await started.ended;
      await runs.close();

      expect(outcome).toMatchObject({ kind: 'not_started', code });
    });
  }

  runContract('running container, queue', async () => shared(await runningBox('docker')));
  runContract('running container, foreground', async () => shared(await runningBox('docker'), 'foreground'));
  runContract('running service, queue', async () => shared(await serviceBox()));
});
