import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { localWorld } from '../../src/contexts/resolve/local-world.ts';
import { asked, madeUp, request } from '../../src/contexts/resolve/made-up.ts';
import { resolveContext } from '../../src/contexts/resolve.ts';
import type { Host } from '../../src/core/host.ts';
import { localHost } from '../../src/hosts/local.ts';
import { cliInspector } from '../../src/runtimes/inspector.ts';
import { describeWith } from '../support/engines.ts';

// Stands in for the devcontainer CLI: it notes its arguments and starts a real container with the labels
// that the CLI gives.
const TOOL = `#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
[ -e "$3/fail" ] && { echo '{"outcome":"error","message":"the image is not there"}'; exit 1; }
docker run -d --init --network none --name "$CALLED" --label "devcontainer.local_folder=$3" \\
  --label "devcontainer.config_file=$5" --mount "type=bind,source=$3,target=/workspaces/app" \\
  berth-busybox:latest sleep 100000
`;

const name = `berth-devcontainer-up-${process.pid}`;
const top = realpathSync(mkdtempSync(join(tmpdir(), 'berth-up-')));
const bin = join(top, 'bin');
mkdirSync(bin);
afterAll(() => rmSync(top, { recursive: true, force: true }));

function hostWith(path: string): Host {
  const host = localHost();
  const machine = (process.env.PATH ?? '').split(':');
  const withoutTool = machine.filter((dir) => !existsSync(join(dir, 'devcontainer')));
  const env = { PATH: [path, ...withoutTool].join(':'), CALLED: name };
  return {
    ...host,
    exec: (command, options) => host.exec({ ...command, env: { ...command.env, ...env } }, options),
  };
}

function project(of: string, json: string): string {
  const dir = join(top, of);
  mkdirSync(join(dir, '.devcontainer'), { recursive: true });
  writeFileSync(join(dir, '.devcontainer/devcontainer.json'), json);
  return dir;
}

function resolve(dir: string, options: { readonly path?: string; readonly dryRun?: boolean } = {}) {
  const host = hostWith(options.path ?? bin);
  const world = localWorld({
    host,
    environment: process.env,
    home: join(top, 'state'),
    inspector: (engine) => cliInspector(host, engine),
    probe: madeUp({}).probe,
    kubernetes: madeUp({}).kubernetes,
    dryRun: options.dryRun ?? false,
  });
  return resolveContext(request(dir, { container: asked({ start: true }) }), world);
}

describeWith(['docker'], 'a dev container with --start', () => {
  writeFileSync(join(bin, 'devcontainer'), TOOL, { mode: 0o755 });
  afterAll(() => void execFileSync('docker', ['rm', '--force', name]));

  test('is not brought up in a dry run, nor while its file has a command for the host', async () => {
    const dir = project('careful', '{"image": "a", "initializeCommand": "touch /tmp/x"}');

    await expect(resolve(dir, { dryRun: true })).rejects.toMatchObject({ code: 'CONTAINER_NOT_RUNNING' });
    await expect(resolve(dir)).rejects.toMatchObject({ code: 'POLICY' });
    expect(existsSync(join(bin, 'calls'))).toBe(false);
  });

  test('says so where its tool is not installed', async () => {
    await expect(resolve(project('bare', '{"image": "a"}'), { path: top })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
      message: expect.stringContaining('is not installed'),
    });
  });

  test('says what its tool said when it does not come up', async () => {
    const dir = project('broken', '{"image": "a"}');
    writeFileSync(join(dir, 'fail'), '');

    await expect(resolve(dir)).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
      message: expect.stringContaining('the image is not there'),
    });
  });

  test('is brought up once without the commands of its life cycle, and entered', async () => {
    const dir = project('app', '{"image": "a", "remoteUser": "dev", "postCreateCommand": "touch made"}');
    const file = join(dir, '.devcontainer/devcontainer.json');
    rmSync(join(bin, 'calls'), { force: true });

    const first = await resolve(dir);
    expect(first).toMatchObject({
      dir: { target: '/workspaces/app' },
      user: 'dev',
      container: { type: 'devcontainer', start: null },
    });
    expect((await resolve(dir)).container?.id).toBe(first.container?.id);
    expect(readFileSync(join(bin, 'calls'), 'utf8')).toBe(
      `up --workspace-folder ${dir} --config ${file} --skip-post-create\n`,
    );
  });
});
