import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { aTree } from '../../test/support/tree.ts';
import { readDevcontainer, withContainerEnv } from './devcontainer.ts';

const FILE = '.devcontainer/devcontainer.json';

async function read(text: string, environment: Readonly<Record<string, string>> = {}) {
  const root = aTree({ [FILE]: text });
  return { root, config: await readDevcontainer(join(root, FILE), environment) };
}

describe('kinds', () => {
  test('an image, with comments and trailing commas', async () => {
    const { root, config } = await read('// a\n{ /* b */ "image": "debian:12", "remoteUser": "vscode", }');

    expect(config).toMatchObject({
      source: { kind: 'image', image: 'debian:12' },
      localFolder: root,
      workspaceFolder: `/workspaces/${basename(root)}`,
      mount: { source: root, target: `/workspaces/${basename(root)}` },
      remoteUser: 'vscode',
      overrideCommand: true,
    });
  });

  test('a build, with paths relative to the file', async () => {
    const { root, config } = await read(
      '{"build": {"dockerfile": "Dockerfile", "context": "..", "target": "dev"}}',
    );

    expect(config.source).toEqual({
      kind: 'build',
      dockerfile: join(root, '.devcontainer/Dockerfile'),
      context: root,
      target: 'dev',
    });
  });

  test('the older dockerFile and context are a build too', async () => {
    const { root, config } = await read('{"dockerFile": "../Dockerfile", "context": ".."}');

    expect(config.source).toMatchObject({
      kind: 'build',
      dockerfile: join(root, 'Dockerfile'),
      context: root,
    });
  });

  test('Compose, with one file or several', async () => {
    const one = await read('{"dockerComposeFile": "docker-compose.yml", "service": "app"}');
    const two = await read(
      '{"dockerComposeFile": ["../compose.yaml", "dev.yml"], "service": "app", "runServices": ["db"], "overrideCommand": true}',
    );

    expect(one.config).toMatchObject({
      source: {
        kind: 'compose',
        files: [join(one.root, '.devcontainer/docker-compose.yml')],
        service: 'app',
        runServices: null,
        defaultProject: `${basename(one.root).toLowerCase()}_devcontainer`,
      },
      workspaceFolder: '/',
      mount: null,
      overrideCommand: false,
    });
    expect(two.config).toMatchObject({
      source: {
        files: [join(two.root, 'compose.yaml'), join(two.root, '.devcontainer/dev.yml')],
        runServices: ['db'],
        defaultProject: basename(two.root).toLowerCase(),
      },
      overrideCommand: true,
    });
  });

  test('an empty list of Compose files leaves the search to Compose', async () => {
    const { config } = await read('{"dockerComposeFile": [], "service": "app"}');

    expect(config.source).toMatchObject({ kind: 'compose', files: [] });
  });
});

describe('variables', () => {
  test('those of the host are replaced', async () => {
    const { root, config } = await read(
      `{"image": "\${localEnv:IMAGE}", "workspaceFolder": "/w/\${localWorkspaceFolderBasename}",
        "workspaceMount": "source=\${localWorkspaceFolder},target=\${containerWorkspaceFolder},type=bind",
        "remoteEnv": {"A": "\${localEnv:NONE:a:b}", "B": "\${localEnv:NONE}", "C": null,
                      "D": "\${containerWorkspaceFolderBasename}", "PATH": "\${containerEnv:PATH}:/x"},
        "containerEnv": {"E": "\${env:IMAGE}"}}`,
      { IMAGE: 'debian' },
    );
    const name = basename(root);

    expect(config).toMatchObject({
      source: { image: 'debian' },
      workspaceFolder: `/w/${name}`,
      workspaceMount: `source=${root},target=/w/${name},type=bind`,
      mount: null,
      remoteEnv: { A: 'a:b', B: '', C: null, D: name, PATH: '${containerEnv:PATH}:/x' },
      containerEnv: { E: 'debian' },
    });
  });

  test('those of the container are replaced when it is known', () => {
    expect(
      withContainerEnv('${containerEnv:PATH}:${containerEnv:X:y}:${containerEnv:Z}', { PATH: '/bin' }),
    ).toBe('/bin:y:');
  });
});

describe('places', () => {
  test('a folder below the git root is mounted with the whole repository', async () => {
    const root = aTree({ 'apps/web/.devcontainer.json': '{"image": "x"}' });
    const config = await readDevcontainer(join(root, 'apps/web/.devcontainer.json'), {});

    expect(config).toMatchObject({
      localFolder: join(root, 'apps/web'),
      mount: { source: root },
      workspaceFolder: `/workspaces/${basename(root)}/apps/web`,
    });
  });

  test('a named dev container belongs to the folder around .devcontainer', async () => {
    const root = aTree({ '.devcontainer/api/devcontainer.json': '{"image": "x"}' });

    expect((await readDevcontainer(join(root, '.devcontainer/api/devcontainer.json'), {})).localFolder).toBe(
      root,
    );
  });
});

describe('bad files', () => {
  test.each([
    ['a missing comma', '{\n  "image": "x"\n  "name": "y"\n}', /:3:3: `,` expected/],
    ['an open string', '{"image": "x', /:1:11: end of the string expected/],
    ['an open object', '{"image": "x"', /:1:14: `}` expected/],
    ['an empty file', '', /:1:1: a value expected/],
    ['a list', '[]', /:1:1: an object/],
    ['a wrong type', '{\n  "image": 3\n}', /:2:12: `image` must be a text/],
    [
      'a wrong type in a list',
      '{"dockerComposeFile": ["a", 1], "service": "x"}',
      /:1:29: `dockerComposeFile`/,
    ],
    ['a wrong variable', '{"image": "x", "remoteEnv": {"A": 1}}', /:1:35: values of `remoteEnv`/],
    ['Compose without a service', '{"dockerComposeFile": "a.yml"}', /`dockerComposeFile` needs `service`/],
    ['nothing to start', '{"name": "x"}', /it needs one of `image`/],
    ['endless nesting', '['.repeat(500_000), /nested too deeply/],
  ])('%s is an error with file, line and column', async (_, text, message) => {
    await expect(read(text)).rejects.toMatchObject({
      code: 'DEVCONTAINER_INVALID',
      message: expect.stringMatching(message),
    });
  });

  test('a file that is not there, a directory and a file above 1 MiB are errors', async () => {
    const root = aTree({ 'big.json': ' '.repeat(1024 * 1024 + 1) });
    mkdirSync(join(root, 'dir.json'));

    await expect(readDevcontainer(join(root, 'none.json'), {})).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
    await expect(readDevcontainer(join(root, 'dir.json'), {})).rejects.toThrow('not a regular file');
    await expect(readDevcontainer(join(root, 'big.json'), {})).rejects.toThrow('larger than 1 MiB');
  });
});
