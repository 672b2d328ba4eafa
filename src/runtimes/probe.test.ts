import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '../../test/support/engines.ts';
import type { Host } from '../core/host.ts';
import { localHost } from '../hosts/local.ts';
import { detectAvailableRuntimes, probeRuntimes } from './probe.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-probe-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** This machine, as it would look with other variables. */
function hostWith(env: Readonly<Record<string, string>>): Host {
  const host = localHost();
  return {
    ...host,
    exec: (command, options) => host.exec({ ...command, env: { ...env, ...command.env } }, options),
  };
}

/** A directory for PATH with these programs and nothing else but what the probe itself needs. */
async function pathWith(programs: Readonly<Record<string, string>>): Promise<string> {
  const bin = await mkdtemp(join(dir, 'bin-'));
  const all = { env: 'exec /usr/bin/env "$@"', test: '[ -e "$2" ]', ...programs };
  for (const [name, text] of Object.entries(all)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return bin;
}

describe('without any engine', () => {
  test('each program that is missing says what installs it', async () => {
    const report = await probeRuntimes(hostWith({ PATH: await pathWith({}) }));

    for (const [name, entry] of Object.entries(report)) {
      expect(entry, name).toMatchObject({ available: false, state: 'not_installed' });
      expect(entry.reason, name).toMatch(/not installed.*[Ii]nstall/);
    }
  });

  test('whatever hangs, the report is there within 3 s', async () => {
    const hang = 'trap "" TERM; /bin/sleep 60 & wait';
    const names = ['docker', 'podman', 'docker-compose', 'podman-compose', 'kubectl', 'tmux', 'ssh'];
    const path = await pathWith(Object.fromEntries(names.map((name) => [name, hang])));
    const before = performance.now();
    const report = await probeRuntimes(hostWith({ PATH: path }));

    expect(performance.now() - before).toBeLessThan(3_000);
    expect(Object.values(report).map((entry) => entry.state)).toEqual(Array(6).fill('hangs'));
  });

  test('docker that is really podman is told', async () => {
    const path = await pathWith({
      docker: `[ "$1" = version ] && echo '{"Client":{"Version":"4.3.1"}}' || exit 125`,
    });
    const { docker } = await probeRuntimes(hostWith({ PATH: path }));

    expect(docker).toMatchObject({ available: true, flavor: 'podman', version: '4.3.1' });
  });

  test('a socket that this user may not open is told from an engine that is down', async () => {
    const words =
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: dial unix /var/run/docker.sock: connect: permission denied';
    const path = await pathWith({
      docker: `[ "$1" = context ] && echo default unix:///var/run/docker.sock || { echo '${words}' >&2; exit 1; }`,
    });
    const { docker } = await probeRuntimes(hostWith({ PATH: path, DOCKER_HOST: '' }));

    expect(docker).toMatchObject({ state: 'no_permission', endpoint: 'unix:///var/run/docker.sock' });
    expect(docker.reason).toMatch(/usermod -aG docker/);
  });

  test('a docker-compose of version 1 is reported with what it cannot do', async () => {
    const path = await pathWith({ 'docker-compose': 'echo 1.29.2' });
    const { compose } = await probeRuntimes(hostWith({ PATH: path }));

    expect(compose).toMatchObject({ available: true, command: 'docker-compose', version: '1.29.2' });
    expect(compose.reason).toMatch(/version 1/);
  });

  test('a docker-compose of version 2 is as good as the plugin', async () => {
    const path = await pathWith({ 'docker-compose': 'echo v2.30.0', 'podman-compose': 'echo 1.2.0' });
    const { compose } = await probeRuntimes(hostWith({ PATH: path }));

    expect(compose).toMatchObject({ command: 'docker-compose', version: '2.30.0', reason: null });
  });

  test.each([
    [`[ $# = 1 ] || exit 2; echo 'podman-composer version  1.0.3'; echo 'podman version 4.3.1'`, '1.0.3'],
    [`echo 'podman-compose version: 1.0.6'; echo 'using podman version: 4.9.4'`, '1.0.6'],
    [`echo 'podman-compose version 1.5.0'; echo 'podman version 5.7.0'`, '1.5.0'],
  ])('podman-compose tells its version by %j', async (says, version) => {
    const { compose } = await probeRuntimes(hostWith({ PATH: await pathWith({ 'podman-compose': says }) }));

    expect(compose).toMatchObject({ available: true, command: 'podman-compose', version });
  });

  test('a plugin that cannot be run is shown with its cause', async () => {
    const path = await pathWith({
      docker: `case $1 in info) echo '[{"Name":"compose","Path":"/p/docker-compose","Err":"exec format error"}]';;
        *) echo "docker: unknown command: docker compose" >&2; exit 1;; esac`,
    });
    const { compose } = await probeRuntimes(hostWith({ PATH: path }));

    expect(compose).toMatchObject({ available: false, state: 'unusable' });
    expect(compose.reason).toMatch(/docker-compose.*exec format error/);
  });

  test('kubectl without a current context is present, not configured, and asks no cluster', async () => {
    const path = await pathWith({
      kubectl: `case "$*" in
        'config view'*) echo '{"current-context":"","contexts":null}';;
        *--client*) echo '{"clientVersion":{"gitVersion":"v1.32.0"}}';;
        *) echo asked >> "$(dirname "$0")/asked"; exit 1;; esac`,
    });
    const { kubernetes } = await probeRuntimes(hostWith({ PATH: path }));

    expect(kubernetes).toMatchObject({ state: 'not_configured', version: 'v1.32.0', context: null });
    await expect(stat(join(path, 'asked'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('kubectl that asks for a user name gets end of file and counts as no permission', async () => {
    const path = await pathWith({
      kubectl: `case "$*" in
        'config view'*) echo '{"current-context":"prod","contexts":[{"name":"prod","context":{"namespace":"shop"}}]}';;
        *) printf 'Please enter Username: ' >&2; read -r name || { echo 'error: EOF' >&2; exit 1; };; esac`,
    });
    const { kubernetes } = await probeRuntimes(hostWith({ PATH: path }));

    expect(kubernetes).toMatchObject({ state: 'no_permission', context: 'prod', namespace: 'shop' });
  });
});

describeWith(['docker'], 'with docker', () => {
  test('an engine that answers says its version, its endpoint and its kind', async () => {
    const { docker } = await probeRuntimes(localHost());

    expect(docker).toMatchObject({ available: true, state: 'answers', flavor: 'docker', reason: null });
    expect(docker.version).toMatch(/^\d+\.\d+/);
    expect(docker.endpoint).toMatch(/^(unix|tcp|ssh):\/\//);
  });

  test('a socket that accepts and never answers hangs, and is named', async () => {
    const socket = join(dir, 'silent.sock');
    const server = await listen(createServer(), socket);
    const before = performance.now();
    const { docker } = await probeRuntimes(hostWith({ DOCKER_HOST: `unix://${socket}` }));
    server.close();

    expect(performance.now() - before).toBeLessThan(3_000);
    expect(docker).toMatchObject({ state: 'hangs', endpoint: `unix://${socket}` });
    expect(docker.reason).toContain(socket);
  });

  test.each([
    [
      'DOCKER_HOST with a path that is not there',
      { DOCKER_HOST: 'unix:///nowhere/docker.sock' },
      /DOCKER_HOST/,
    ],
    ['DOCKER_HOST with a protocol that does not exist', { DOCKER_HOST: 'dokcer://x' }, /DOCKER_HOST.*dokcer/],
    ['DOCKER_CONTEXT with a name that does not exist', { DOCKER_CONTEXT: 'nope' }, /DOCKER_CONTEXT=nope/],
  ])('%s is a wrong endpoint, not a missing program', async (_, env, reason) => {
    const { docker } = await probeRuntimes(hostWith(env));

    expect(docker).toMatchObject({ available: false, state: 'bad_endpoint' });
    expect(docker.reason).toMatch(reason);
  });

  test('an endpoint that refuses is an engine that is down, with the setting that names it', async () => {
    const { docker } = await probeRuntimes(hostWith({ DOCKER_HOST: 'tcp://127.0.0.1:1' }));

    expect(docker).toMatchObject({ state: 'no_daemon', endpoint: 'tcp://127.0.0.1:1' });
    expect(docker.reason).toMatch(/tcp:\/\/127\.0\.0\.1:1 \(from DOCKER_HOST\).*unset DOCKER_HOST/);
  });

  test('the current context of the docker configuration is named when its engine is down', async () => {
    const config = join(dir, 'docker-config');
    await mkdir(config, { recursive: true });
    const host = hostWith({ DOCKER_CONFIG: config });
    const create = ['docker', 'context', 'create', 'far', '--docker', `host=unix://${dir}/far.sock`];
    await host.exec({ argv: create, cwd: null, env: {} }, { timeoutMs: 10_000 });
    await host.exec({ argv: ['docker', 'context', 'use', 'far'], cwd: null, env: {} }, { timeoutMs: 10_000 });
    const { docker } = await probeRuntimes(host);

    expect(docker).toMatchObject({ state: 'no_daemon', endpoint: `unix://${dir}/far.sock` });
    expect(docker.reason).toMatch(/the current context "far"/);
  });

  test('the library says in one word what is there', async () => {
    expect(await detectAvailableRuntimes(localHost())).toMatchObject({ docker: true });
  });
});

describeWith(['docker', 'podman'], 'with podman', () => {
  test('a DOCKER_CONFIG without config.json does not break podman', async () => {
    const empty = await mkdtemp(join(dir, 'empty-'));
    const { podman } = await probeRuntimes(hostWith({ DOCKER_CONFIG: empty }));

    expect(podman).toMatchObject({ available: true, state: 'answers', flavor: 'podman' });
  });
});

function listen(server: Server, path: string): Promise<Server> {
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}
