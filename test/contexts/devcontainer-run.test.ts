import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const FILE = JSON.stringify({
  image: 'berth-busybox',
  workspaceFolder: '/workspaces/dev',
  remoteEnv: { GONE: null, KEPT: '${containerEnv:KEPT}, and more' },
});

describeWith(['docker'], 'a task in a running dev container', () => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'berth-dev-')));
  const name = `berth-dev-${process.pid}`;
  beforeAll(() => {
    mkdirSync(join(dir, '.devcontainer'));
    writeFileSync(join(dir, '.devcontainer/devcontainer.json'), FILE);
    const labels = ['--label', `devcontainer.local_folder=${dir}`];
    const env = ['--env', 'GONE=of the container', '--env', 'KEPT=here'];
    const options = [
      ...['--detach', '--init', '--network=none', '--name', name],
      ...['-v', `${dir}:/workspaces/dev`],
    ];
    execFileSync('docker', ['run', ...options, ...labels, ...env, 'berth-busybox', 'sleep', '10000']);
  });
  afterAll(() => {
    execFileSync('docker', ['rm', '--force', name]);
    rmSync(dir, { recursive: true, force: true });
  });

  const SHOW = ['sh', '-c', 'echo "${GONE-unset}; $KEPT; $PWD"'];

  test('has the variables of remoteEnv, and not those that are null there', async () => {
    await using berth = new Berth();

    const ran = await berth.run(['run', '--use-container', '--', ...SHOW], dir);

    expect(ran).toEqual({ code: 0, stdout: 'unset; here, and more; /workspaces/dev\n', stderr: '' });
  });

  test('gets a variable that is null there when it asks for it', async () => {
    await using berth = new Berth();

    const ran = await berth.run(['run', '--use-container', '--env', 'GONE=mine', '--', ...SHOW], dir);

    expect(ran.stdout).toBe('mine; here, and more; /workspaces/dev\n');
  });

  test('is what the command that explain prints does', async () => {
    await using berth = new Berth();
    const { command, steps, error } = await berth.json(['explain', '--use-container', '--', ...SHOW], dir);

    expect(error).toBeNull();
    const pasted = execFileSync('sh', ['-c', command.display], { cwd: '/', encoding: 'utf8' });

    expect(pasted).toBe('unset; here, and more; /workspaces/dev\n');
    expect(steps).toContain('environment: KEPT; without GONE');
  });
});
