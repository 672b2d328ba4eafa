import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownServer } from '../../src/executors/tmux/server.ts';
import { Berth, until } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

describeWith(['tmux', 'compose'], 'a terminal session in a Compose service', () => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'berth-session-compose-')));
  const boxes = new Berth();
  const state = boxes.home;
  const socketOf = ownServer(state).socket;
  const at = (argv: readonly string[], cwd = dir) => boxes.run(argv, cwd);
  const compose = (...argv: string[]) =>
    execFileSync('docker', ['compose', ...argv], { cwd: dir, encoding: 'utf8', stdio: 'pipe' });

  beforeAll(async () => {
    writeFileSync(
      join(dir, 'compose.yaml'),
      'services:\n  web:\n    image: berth-busybox\n    command: sleep 100000\n    stop_grace_period: 0s\n    volumes: [".:/app"]\n    working_dir: /app\n',
    );
    compose('up', '-d', '--pull', 'never');
    await at(['up']);
  });
  afterAll(async () => {
    await at(['down']);
    execFileSync('tmux', ['-S', socketOf, 'kill-server']);
    rmSync(state, { recursive: true });
    compose('down', '--timeout', '0');
    rmSync(dir, { recursive: true });
  });

  test('its shell and its tasks are in the container, and nothing is left there', async () => {
    const made = JSON.parse(
      (await at(['session', 'new', 'web', '--container-service', 'web', '--json'])).stdout,
    );
    expect(made).toMatchObject({
      container_service: 'web',
      container_type: 'docker_compose',
      container_volumes: { [dir]: '/app' },
    });
    const id = made.container_id.slice(0, 12);
    const server = ['-S', socketOf];
    execFileSync('tmux', [...server, 'send-keys', '-t', '=web:', 'echo shell-on-$(hostname)', 'Enter']);
    await until('the shell answers', () =>
      execFileSync('tmux', [...server, 'capture-pane', '-p', '-t', '=web:'], { encoding: 'utf8' }).includes(
        `shell-on-${id}`,
      ),
    );

    const sent = await at(['send', '--wait', '--target', 'web', 'hostname; pwd'], '/');
    expect(sent).toMatchObject({ code: 0, stdout: `${id}\n/app\n` });
    expect((await at(['session', 'rm', 'web'])).code).toBe(0);
    expect(
      compose('exec', '-T', 'web', 'ps', '-o', 'args')
        .split('\n')
        .filter((line) => /^sh\b/.test(line)),
    ).toEqual([]);
  });

  test('a task for the host is not put into its container', async () => {
    await at(['session', 'new', 'boxed', '--container-service', 'web']);
    const { stdout } = await at(['send', '--target', 'boxed', '--no-container', 'true', '--json']);
    const { id } = JSON.parse(stdout);

    const why = JSON.parse((await at(['why', String(id), '--json'])).stdout);
    const boxed = why.sessions.find((session: { name: string }) => session.name === 'boxed');
    expect(boxed).toMatchObject({ passed: false });
    await at(['cancel', String(id)]);
  });
});
