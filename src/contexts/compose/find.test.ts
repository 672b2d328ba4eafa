import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryFiles } from '../../../test/support/memory-files.ts';
import { aTree } from '../../../test/support/tree.ts';
import { COMPOSE_FILE_NAMES, composeLookAlikes, findComposeFiles } from './find.ts';
import { readCompose } from './read.ts';

function find(files: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>> = {}) {
  const absolute = Object.entries(files).map(([path, text]) => [join('/p', path), text]);
  return findComposeFiles('/p', { environment, files: memoryFiles(Object.fromEntries(absolute)) });
}

describe('the Compose files of a directory', () => {
  test.each(COMPOSE_FILE_NAMES.map((_, i) => COMPOSE_FILE_NAMES.slice(i)))(
    '%s comes before the names behind it, which are named in a warning',
    async (...names) => {
      const source = await find(Object.fromEntries(names.map((name) => [name, ''])));

      expect(source?.files).toEqual([`/p/${names[0]}`]);
      for (const name of names.slice(1)) expect(source?.warnings.join()).toContain(name);
    },
  );

  test('an override of any family joins a base of any family', async () => {
    const source = await find({ 'docker-compose.yml': '', 'compose.override.yaml': '' });

    expect(source?.files).toEqual(['/p/docker-compose.yml', '/p/compose.override.yaml']);
  });

  test('the first override wins', async () => {
    const names = ['compose.override.yml', 'compose.override.yaml', 'docker-compose.override.yml'];
    const source = await find(Object.fromEntries(['compose.yaml', ...names].map((name) => [name, ''])));

    expect(source?.files).toEqual(['/p/compose.yaml', '/p/compose.override.yml']);
  });

  test('an override or a look-alike alone is no project', async () => {
    expect(await find({ 'compose.override.yml': '', 'docker-compose.prod.yml': '' })).toBeNull();
  });

  test('look-alikes are told from what Compose reads by itself', () => {
    const names = [
      'compose.yaml',
      'compose.override.yml',
      'docker-compose.prod.yml',
      'compose-dev.yaml',
      'Compose.ci.yml',
    ];

    expect(composeLookAlikes([...names, 'composer.yml', 'a-compose.yml'])).toEqual(names.slice(2));
  });

  test('COMPOSE_FILE of .env names the files, with variables, and keeps overrides out', async () => {
    const env =
      'DIR=deploy\nCOMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=${DIR}/a.yml;b.yml\nCOMPOSE_PROFILES=x, y';
    const source = await find({ '.env': env, 'deploy/a.yml': '', 'b.yml': '', 'compose.override.yml': '' });

    expect(source).toMatchObject({
      dir: '/p/deploy',
      files: ['/p/deploy/a.yml', '/p/b.yml'],
      foundBy: 'COMPOSE_FILE',
      profiles: ['x', 'y'],
    });
  });

  test("the caller's environment goes before .env", async () => {
    const files = { '.env': 'COMPOSE_FILE=a.yml\nCOMPOSE_PROJECT_NAME=env', 'a.yml': '', 'b.yml': '' };
    const source = await find(files, { COMPOSE_FILE: 'b.yml', COMPOSE_PROJECT_NAME: 'caller' });

    expect(source).toMatchObject({ files: ['/p/b.yml'], projectName: 'caller' });
  });

  test('a file that COMPOSE_FILE names and that is missing is a warning, not another project', async () => {
    const source = await find({ 'compose.yaml': '' }, { COMPOSE_FILE: 'gone.yml' });

    expect(source?.files).toEqual([]);
    expect(source?.warnings.join()).toContain('/p/gone.yml is missing');
  });

  test('COMPOSE_ENV_FILES takes the place of .env, COMPOSE_DISABLE_ENV_FILE its effect', async () => {
    const files = { 'compose.yaml': '', '.env': 'A=dot', 'one.env': 'A=one\nB=one', 'two.env': 'A=two' };

    const named = await find(files, { COMPOSE_ENV_FILES: 'one.env,two.env' });
    const disabled = await find(files, { COMPOSE_DISABLE_ENV_FILE: 'TRUE' });

    expect({ ...named?.variables }).toEqual({ A: 'two', B: 'one' });
    expect({ ...disabled?.variables }).toEqual({});
  });

  test('a mistake in .env is a warning with its line, and what stands before it holds', async () => {
    const source = await find({ 'compose.yaml': '', '.env': 'COMPOSE_PROJECT_NAME=kept\nnot a name=1' });

    expect(source?.projectName).toBe('kept');
    expect(source?.warnings.join()).toContain('/p/.env:2: ');
  });

  test('files the caller names are taken as they are, with the .env beside the first', async () => {
    const files = memoryFiles({
      '/p/.devcontainer/a.yml': '',
      '/p/b.yml': '',
      '/p/.devcontainer/.env': 'A=1',
      '/p/.env': 'A=2',
    });
    const options = {
      environment: { COMPOSE_FILE: 'x.yml' },
      composeFiles: ['.devcontainer/a.yml', 'b.yml'],
      files,
    };
    const source = await findComposeFiles('/p', options);

    expect(source).toMatchObject({ dir: '/p/.devcontainer', foundBy: 'caller', variables: { A: '1' } });
    expect(source?.files).toEqual(['/p/.devcontainer/a.yml', '/p/b.yml']);
  });
});

describe('a Compose file that is no file', () => {
  const environment = {};

  test('a FIFO is passed over with a warning, and nothing waits for it', { timeout: 5000 }, async () => {
    const dir = aTree({});
    execFileSync('mkfifo', [join(dir, 'compose.yaml'), join(dir, '.env')]);
    const source = await findComposeFiles(dir, { environment });

    expect(source?.files).toEqual([]);
    expect(source?.warnings.join()).toContain('compose.yaml is not a regular file');
  });

  test('a socket is passed over with a warning', async () => {
    const dir = aTree({});
    const server = createServer().listen(join(dir, 'compose.yml'));
    onTestFinished(() => void server.close());
    await new Promise((done) => server.once('listening', done));

    expect((await findComposeFiles(dir, { environment }))?.warnings.join()).toContain('not a regular file');
  });

  test('a directory is passed over for the next name that is a file', async () => {
    const dir = aTree({ 'docker-compose.yml': 'services: {a: {image: x}}' });
    mkdirSync(join(dir, 'compose.yaml'));
    const source = await findComposeFiles(dir, { environment });

    expect(source?.files).toEqual([join(dir, 'docker-compose.yml')]);
    expect(source?.warnings.join()).toContain('compose.yaml is a directory');
  });

  test('a symlink to a device or to nothing is no file; one to a file is', async () => {
    const dir = aTree({ 'real.yml': 'services: {a: {image: x}}' });
    symlinkSync('/dev/zero', join(dir, 'compose.yaml'));
    symlinkSync('/nowhere', join(dir, 'compose.yml'));
    symlinkSync('real.yml', join(dir, 'docker-compose.yml'));

    expect((await findComposeFiles(dir, { environment }))?.files).toEqual([join(dir, 'docker-compose.yml')]);
  });

  test('a file above 1 MiB is not read, and no project without services', async () => {
    const dir = aTree({});
    writeFileSync(join(dir, 'compose.yaml'), `services: {a: {image: x}}\n${'#\n'.repeat(5_000_000)}`);
    const source = await findComposeFiles(dir, { environment });
    const project = source && readCompose(source, environment);

    await expect(project).rejects.toMatchObject({
      code: 'COMPOSE_INVALID',
      message: expect.stringMatching(/compose\.yaml is larger than 1 MiB/),
    });
  });
});
