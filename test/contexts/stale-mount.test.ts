import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

// A mount shows a directory, not a path: after the directory was replaced, it goes on showing the old one.

describeWith(['docker'], 'a container whose mounted directory was replaced', () => {
  const name = `berth-stale-${process.pid}`;
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'berth-stale-')));
  const dir = join(top, 'app');
  const run = ['run', '--container', name, '--prereq', 'echo never', '--', 'touch', 'made'];

  beforeAll(() => {
    mkdirSync(dir);
    const mount = `--mount=type=bind,source=${dir},target=/app`;
    const options = ['--detach', '--init', '--network=none', mount, '--name', name];
    execFileSync('docker', ['run', ...options, 'berth-busybox:latest', 'sleep', '10000']);
  });
  afterAll(() => {
    execFileSync('docker', ['rm', '--force', name]);
    rmSync(top, { recursive: true });
  });

  test('is entered only while it shows the directory of the task', async () => {
    await using berth = new Berth();
    expect(await berth.run(run, dir)).toMatchObject({ code: 0, stdout: 'never\n' });

    renameSync(dir, `${dir}.old`);
    mkdirSync(dir);
    const ended = await berth.run(run, dir);
    expect(ended).toMatchObject({ code: 125, stdout: '' });
    expect(ended.stderr).toContain('CONTEXT_MISMATCH');
    expect(existsSync(join(dir, 'made'))).toBe(false);
  });
});
