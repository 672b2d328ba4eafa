import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { aTree } from '../../test/support/tree.ts';
import type { Detection } from '../core/detection.ts';
import { readDevcontainer } from './devcontainer.ts';
import { candidate, composed, type MadeUp, madeUp, project, service } from './resolve/made-up.ts';
import type { World } from './resolve/world.ts';
import { listServices } from './services.ts';

const web = service('web');
const facts: MadeUp = {
  project: project('/p', web),
  docker: [composed('web', '/p'), composed('web', '/elsewhere', { project: 'other' })],
};

/** A world that notes which Compose files were asked for. */
function noting(detection: Partial<Detection>, given: MadeUp = facts) {
  const asked: unknown[] = [];
  const world: World = {
    ...madeUp(given),
    detect: async (dir) => ({
      ...{ dir, root: dir, type: null, reason: '', ambiguous: false, candidates: [], warnings: [] },
      ...detection,
    }),
    compose: async (...files) => {
      asked.push(files);
      return given.project ?? null;
    },
  };
  return { world, asked };
}

test('services have the state of the container that this very directory started', async () => {
  const { world, asked } = noting({
    type: 'docker_compose',
    candidates: [candidate('docker_compose', '/p/compose.yaml')],
  });

  const { services } = await listServices(world, '/p/sub', false);

  expect(asked).toEqual([['/p', null]]);
  expect(services).toEqual([
    {
      name: 'web',
      image: 'acme/app',
      build: null,
      profiles: [],
      state: 'running',
      container_id: 'id-of-shop-web-1',
    },
  ]);
});

test('a Compose file that only Podman looks for has services too', async () => {
  const path = '/p/podman-compose.yml';
  const { world, asked } = noting({ type: 'podman', candidates: [candidate('podman', path)] });

  expect((await listServices(world, '/p', false)).services).toHaveLength(1);
  expect(asked).toEqual([['/p', [path]]]);
});

test('a dev container on Compose has the services of its files, under the name that its tool gives', async () => {
  const root = aTree({
    '.devcontainer/devcontainer.json': '{"dockerComposeFile": "dev.yml", "service": "web"}',
    '.devcontainer/dev.yml': '',
  });
  const folder = join(root, '.devcontainer');
  const devcontainer = await readDevcontainer(join(folder, 'devcontainer.json'), {});
  const name = `${basename(root).toLowerCase()}_devcontainer`;
  const { world, asked } = noting(
    {
      type: 'devcontainer',
      devcontainer: { path: devcontainer.path, kind: 'compose', service: 'web' },
      candidates: [
        candidate('devcontainer', devcontainer.path),
        candidate('docker_compose', `${root}/compose.yaml`),
      ],
    },
    {
      devcontainer,
      project: { ...project(folder, web), name: 'devcontainer' },
      docker: [composed('web', folder, { project: name })],
    },
  );

  const { services, project: listed } = await listServices(world, root, false);

  expect(asked).toEqual([[folder, [join(folder, 'dev.yml')]]]);
  expect(listed.name).toBe(name);
  expect(services).toMatchObject([{ name: 'web', state: 'running' }]);
});

test('a directory without a Compose project has none', async () => {
  const { world } = noting({ candidates: [candidate('docker', '/p/Dockerfile')] }, {});

  await expect(listServices(world, '/p', false)).rejects.toMatchObject({ code: 'CONTAINER_NOT_DETECTED' });
});
