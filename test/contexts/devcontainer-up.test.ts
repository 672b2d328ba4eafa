import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { localWorld } from '../../src/contexts/resolve/local-world.ts';
import { asked, madeUp, request } from '../../src/contexts/resolve/made-up.ts';
import { resolveContext } from '../../src/contexts/resolve.ts';
import type { Host } from '../../src/core/host.ts';
import { localHost } from '../../src/hosts/local.ts';
import { cliInspector } from '../../src/runtimes/inspector.ts';
import { describeWith } from '../support/engines.ts';

// The real devcontainer CLI, on the real engine.

const TOOLS = join(import.meta.dirname, '../../node_modules/.bin');
const RUN_ARGS = '"runArgs": ["--init", "--network=none"], "updateRemoteUserUID": false';
const top = realpathSync(mkdtempSync(join(tmpdir(), 'berth-up-')));
afterAll(() => rmSync(top, { recursive: true, force: true }));

function hostWith(tools: readonly string[]): Host {
  const host = localHost();
  const machine = (process.env.PATH ?? '').split(':');
  const withoutTool = machine.filter((dir) => !existsSync(join(dir, 'devcontainer')));
  const env = { PATH: [...tools, ...withoutTool].join(':') };
  return {
    ...host,
    exec: (command, options) => host.exec({ ...command, env: { ...command.env, ...env } }, options),
  };
}

function project(of: string, json: string, files: Readonly<Record<string, string>> = {}): string {
  const dir = join(top, `${of}-${process.pid}`);
  mkdirSync(join(dir, '.devcontainer'), { recursive: true });
  writeFileSync(join(dir, '.devcontainer/devcontainer.json'), json);
  for (const [path, text] of Object.entries(files)) writeFileSync(join(dir, path), text);
  return dir;
}

function resolve(dir: string, { tools = [TOOLS], dryRun = false } = {}) {
  const host = hostWith(tools);
  const world = localWorld({
    host,
    environment: process.env,
    home: join(top, 'state'),
    inspector: (engine) => cliInspector(host, engine),
    probe: madeUp({}).probe,
    kubernetes: madeUp({}).kubernetes,
    dryRun,
  });
  return resolveContext(request(dir, { container: asked({ start: true }) }), world);
}

function docker(...argv: readonly string[]): string {
  return execFileSync('docker', argv, { encoding: 'utf8' }).trim();
}

/** What the tool made for a directory. */
function containersOf(dir: string): readonly string[] {
  return withLabel(`devcontainer.local_folder=${dir}`);
}

function withLabel(label: string): readonly string[] {
  const ids = docker('ps', '--all', '--quiet', '--no-trunc', '--filter', `label=${label}`);
  return ids.split('\n').filter((id) => id !== '');
}

function remove(ids: readonly string[]): void {
  if (ids.length > 0) docker('rm', '--force', ...ids);
}

describeWith(['docker'], 'a dev container with --start', () => {
  test('is not brought up in a dry run, nor while its file has a command for the host', async () => {
    const dir = project('careful', '{"image": "berth-busybox", "initializeCommand": "touch made"}');

    await expect(resolve(dir, { dryRun: true })).rejects.toMatchObject({ code: 'CONTAINER_NOT_RUNNING' });
    await expect(resolve(dir)).rejects.toMatchObject({ code: 'POLICY' });
    expect(containersOf(dir)).toEqual([]);
    expect(existsSync(join(dir, 'made'))).toBe(false);
  });

  test('says so where its tool is not installed', async () => {
    await expect(resolve(project('bare', '{"image": "a"}'), { tools: [] })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
      message: expect.stringContaining('is not installed'),
    });
  });

  test('says what its tool said when it does not come up', async () => {
    const dir = project('broken', `{"image": "localhost:1/berth-nowhere:1", ${RUN_ARGS}}`);

    await expect(resolve(dir)).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
      message: expect.stringMatching(/did not come up: .*berth-nowhere/),
    });
  });

  test('is brought up once without the commands of its life cycle, and entered', async () => {
    const commands =
      '"onCreateCommand": "touch made", "postCreateCommand": "touch made", "postStartCommand": "touch made"';
    const dir = project('app', `{"image": "berth-busybox", "remoteUser": "root", ${commands}, ${RUN_ARGS}}`);
    onTestFinished(() => remove(containersOf(dir)));

    const first = await resolve(dir);

    const target = `/workspaces/${basename(dir)}`;
    expect(first).toMatchObject({
      dir: { target },
      user: 'root',
      container: { type: 'devcontainer', start: null },
    });
    expect((await resolve(dir)).container?.id).toBe(first.container?.id);
    expect(containersOf(dir)).toEqual([first.container?.id]);
    expect(docker('exec', first.container?.id ?? '', 'ls', '-A', target)).toBe('.devcontainer');
  });
});

describeWith(['docker', 'compose'], 'a dev container on Compose that its tool brought up', () => {
  test.each([
    ['compose.yaml', '../compose.yaml', '.', ''],
    ['.devcontainer/compose.yaml', 'compose.yaml', '..', '_devcontainer'],
  ])('is entered as its file says, with its Compose file at %s', async (path, named, top, suffix) => {
    const file = {
      dockerComposeFile: named,
      service: 'app',
      workspaceFolder: '/src',
      remoteUser: 'root',
      updateRemoteUserUID: false,
    };
    const sleeps = 'image: berth-busybox, init: true, network_mode: none, command: sleep 1000';
    const app = `&app {${sleeps}, volumes: ["${top}:/src"]}`;
    const dir = project(`composed${suffix}`, JSON.stringify(file), {
      [path]: `services:\n  app: ${app}\n  db: *app\n`,
    });
    const name = `${basename(dir)}${suffix}`;
    onTestFinished(() => remove(withLabel(`com.docker.compose.project=${name}`)));
    execFileSync(join(TOOLS, 'devcontainer'), ['up', '--workspace-folder', dir], { stdio: 'ignore' });

    expect(await resolve(dir)).toMatchObject({
      dir: { target: '/src' },
      user: 'root',
      container: { type: 'devcontainer', service: 'app', project: name, id: containersOf(dir)[0] },
    });
  });
});
