import { expect, test } from 'vitest';
import type { ResolvedContainer } from './core/context.ts';
import { pastableCommand } from './pastable.ts';

const newContainer: ResolvedContainer = {
  type: 'docker',
  runtime: 'docker',
  engine: 'docker',
  id: null,
  hostname: null,
  image: 'node:22',
  project: null,
  service: null,
  compose: null,
  pod: null,
  namespace: null,
  kubeContext: null,
  volumes: {},
  ports: {},
  start: {
    volumes: [],
    ports: [],
    engineArgs: ['--log-opt=max-file=2'],
    hardened: false,
    build: null,
  },
  reason: 'the test says so',
  rejected: [],
};

test('a container of an image is pasted as one that goes away, with every word of the task and of the user', () => {
  const { argv, display } = pastableCommand({
    context: {
      host: 'local',
      dir: { host: '/p', target: '/p' },
      container: newContainer,
      user: null,
      env: {},
      toolchain: null,
      git: null,
      prereqs: [],
      warnings: [],
    },
    argv: ['serve', '--log-opt=x'],
    runAs: null,
  });

  expect(argv).toEqual([
    ...['docker', 'run', '--rm', '--init', '--pull=never', '--workdir=/p', '--entrypoint=serve'],
    ...['--log-opt=max-file=2', 'node:22', '--log-opt=x'],
  ]);
  expect(display).toContain('node:22 --log-opt=x');
});
