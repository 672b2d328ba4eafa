import { describe, expect, test } from 'vitest';
import type { Devcontainer } from '../devcontainer.ts';
import { resolveContext } from '../resolve.ts';
import {
  asked,
  bind,
  candidate,
  composed,
  container,
  type MadeUp,
  madeUp,
  project,
  request,
  service,
} from './made-up.ts';

const PATH = '/p/.devcontainer/devcontainer.json';
const config: Devcontainer = {
  path: PATH,
  name: null,
  source: { kind: 'image', image: 'acme/dev' },
  localFolder: '/p',
  workspaceFolder: '/workspaces/p',
  mount: { source: '/p', target: '/workspaces/p' },
  workspaceMount: null,
  remoteUser: 'vscode',
  containerUser: null,
  remoteEnv: { PATH: '${containerEnv:PATH}:/opt/bin', EMPTY: null, MODE: 'dev' },
  containerEnv: {},
  overrideCommand: true,
  initializes: false,
};
const labels = { 'devcontainer.local_folder': '/p', 'devcontainer.config_file': PATH };
const dev = container({
  name: 'dev',
  labels,
  env: ['PATH=/usr/bin:/bin', 'X='],
  mounts: [bind('/p', '/workspaces/p')],
});
const files: MadeUp = { candidates: [candidate('devcontainer', PATH)], devcontainer: config, root: '/p' };

const resolve = (facts: MadeUp, dir = '/p', options = asked()) =>
  resolveContext(request(dir, { container: options }), madeUp(facts));

describe('a dev container', () => {
  test('is found by its labels and entered as its configuration says', async () => {
    expect(await resolve({ ...files, docker: [dev] }, '/p/sub')).toMatchObject({
      dir: { target: '/workspaces/p/sub' },
      user: 'vscode',
      env: { PATH: '/usr/bin:/bin:/opt/bin', MODE: 'dev' },
      container: { type: 'devcontainer', runtime: 'docker', id: 'id-of-dev' },
    });
  });

  test('without a mount of the folder runs in its workspace folder', async () => {
    const cloned = { ...dev, mounts: [] };
    expect((await resolve({ ...files, docker: [cloned] }, '/p/sub')).dir.target).toBe('/workspaces/p/sub');
  });

  test('without a user of its own has the one that its image names', async () => {
    const metadata = JSON.stringify([{ remoteUser: 'node' }, { remoteUser: 'dev' }, {}]);
    const facts = {
      ...files,
      devcontainer: { ...config, remoteUser: null },
      docker: [{ ...dev, labels: { ...labels, 'devcontainer.metadata': metadata } }],
    };
    expect((await resolve(facts)).user).toBe('dev');
  });

  test('of another folder or another configuration is not this one', async () => {
    const other = { ...dev, labels: { ...labels, 'devcontainer.local_folder': '/q' } };
    const named = {
      ...dev,
      labels: { ...labels, 'devcontainer.config_file': '/p/.devcontainer/b/devcontainer.json' },
    };
    await expect(resolve({ ...files, docker: [other] })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
    });
    await expect(
      resolve({ ...files, docker: [named] }, '/p', asked({ type: 'devcontainer' })),
    ).rejects.toMatchObject({ code: 'CONTAINER_NOT_RUNNING' });
  });

  test('that does not run is brought up by its own tool', async () => {
    await expect(resolve(files)).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
      hint: expect.stringContaining('`devcontainer up --workspace-folder /p`'),
    });
    const stopped = { ...dev, state: 'exited' as const, exitCode: 0 };
    await expect(resolve({ ...files, docker: [stopped] })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
      message: expect.stringContaining('exited'),
    });
  });

  test('is brought up with --start where it is stopped, and found by its labels then', async () => {
    const docker = [{ ...dev, state: 'exited' as 'exited' | 'running', exitCode: 0 }];
    const facts: MadeUp = {
      ...files,
      docker,
      bringUp: async ({ localFolder }) => {
        expect(localFolder).toBe('/p');
        docker.splice(0, 1, { ...dev, state: 'running', exitCode: 0 });
      },
    };

    await expect(resolve(facts)).rejects.toMatchObject({ code: 'CONTAINER_NOT_RUNNING' });
    expect(await resolve(facts, '/p', asked({ start: true }))).toMatchObject({
      user: 'vscode',
      container: { type: 'devcontainer', id: 'id-of-dev', start: null },
    });
  });

  test('is brought up by nothing in a dry run', async () => {
    await expect(resolve(files, '/p', asked({ start: true }))).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
      hint: expect.stringContaining('With --start the task brings it up first'),
    });
  });

  test('running twice for one folder is a tie', async () => {
    const facts = { ...files, docker: [dev, { ...dev, name: 'dev2', id: 'id-2' }] };
    await expect(resolve(facts)).rejects.toMatchObject({
      code: 'CONTEXT_AMBIGUOUS',
      hint: expect.stringContaining('dev2'),
    });
  });

  describe('on Compose', () => {
    const onCompose: Devcontainer = {
      ...config,
      source: {
        kind: 'compose',
        files: ['/p/.devcontainer/compose.yaml'],
        service: 'app',
        runServices: ['app', 'mail'],
        defaultProject: 'p_devcontainer',
      },
    };
    const facts: MadeUp = {
      ...files,
      devcontainer: onCompose,
      project: { ...project('/p/.devcontainer', service('app'), service('db')), name: 'devcontainer' },
      docker: [
        composed('app', '/p/.devcontainer', { mounts: [bind('/p', '/workspace')], env: ['PATH=/usr/bin'] }),
      ],
    };

    test('that Compose alone started is its service, with user and variables of the configuration', async () => {
      expect(await resolve(facts, '/p', asked({ type: 'devcontainer' }))).toMatchObject({
        dir: { target: '/workspace' },
        user: 'vscode',
        env: { MODE: 'dev', PATH: '/usr/bin:/opt/bin' },
        container: { type: 'devcontainer', runtime: 'compose', service: 'app' },
        unset: ['EMPTY'],
        warnings: [],
      });
    });

    test('runs in its workspace folder where no mount shows the directory', async () => {
      const docker = [composed('app', '/p/.devcontainer')];
      expect((await resolve({ ...facts, docker }, '/p/sub')).dir.target).toBe('/workspaces/p/sub');
    });

    test('is brought up with its runServices, under the name that its own tool would give', async () => {
      const context = await resolve({ ...facts, docker: [] }, '/p', asked({ start: true }));
      expect(context).toMatchObject({ container: { id: null, project: 'p_devcontainer', service: 'app' } });
      expect(context.container?.compose?.alongside).toEqual(['mail']);
    });
  });
});
