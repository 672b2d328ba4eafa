import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AUTO, aConda, aMachine, aVenv } from '../../../test/support/toolchain-machine.ts';

describe('Python on the host', () => {
  test.each(['.venv', 'venv', 'env'])('%s is found from a directory below', async (name) => {
    const { root, find } = aMachine({ 'src/a.py': '' });
    const dir = aVenv(join(root, name));

    expect(await find(AUTO, join(root, 'src'))).toMatchObject({
      toolchain: { kind: 'venv', dir, path: [join(dir, 'bin')], env: { VIRTUAL_ENV: dir } },
      warnings: [],
    });
  });

  test('a real environment of python3 is found', async (context) => {
    const { root, find } = aMachine({});
    try {
      execFileSync('python3', ['-m', 'venv', '--without-pip', '.venv'], { cwd: root, stdio: 'ignore' });
    } catch {
      context.skip('no python3 with venv');
    }

    expect((await find()).toolchain?.dir).toBe(join(root, '.venv'));
  });

  test('a directory named env that is no environment is left alone', async () => {
    const { find } = aMachine({ 'env/settings.txt': '' });

    expect(await find()).toEqual({ toolchain: null, warnings: [] });
  });

  test('an environment whose Python is gone is warned about', async () => {
    const { root, find } = aMachine({ '.venv/pyvenv.cfg': '', '.venv/bin/': '' });
    symlinkSync('/no/such/python', join(root, '.venv/bin/python'));
    const { toolchain, warnings } = await find();

    expect(toolchain).toBeNull();
    expect(warnings.join()).toMatch(/\.venv is broken/);
  });

  test('--venv names one, relative or absolute', async () => {
    const { root, find } = aMachine({});
    const dir = aVenv(join(root, 'envs/a'));

    expect((await find({ kind: 'dir', dir: 'envs/a' })).toolchain).toMatchObject({ dir });
    expect((await find({ kind: 'dir', dir })).toolchain).toMatchObject({ dir });
    await expect(find({ kind: 'dir', dir: 'envs/b' })).rejects.toMatchObject({ code: 'TOOLCHAIN_MISSING' });
  });

  test('nothing is looked for when nothing was asked', async () => {
    const { root, find } = aMachine({});
    aVenv(join(root, '.venv'));

    expect(await find({ kind: 'off' })).toEqual({ toolchain: null, warnings: [] });
  });

  test('uv’s own place is used, and a missing environment named', async () => {
    const { root, find } = aMachine({ 'uv.lock': '' });

    expect((await find()).warnings.join()).toContain('uv sync');
    const dir = aVenv(join(root, 'elsewhere'));
    expect((await find(AUTO, root, { UV_PROJECT_ENVIRONMENT: 'elsewhere' })).toolchain).toMatchObject({
      kind: 'uv',
      dir,
    });
  });

  const POETRY = '[tool.poetry]\nname = "My_Project"\n';

  /** Poetry's own rule, computed by Python. */
  function poetryName(root: string): string {
    const code = `import base64,hashlib,sys
print("my-project-" + base64.urlsafe_b64encode(hashlib.sha256(sys.argv[1].encode()).digest()).decode()[:8])`;
    return execFileSync('python3', ['-c', code, root], { encoding: 'utf8' }).trim();
  }

  test('Poetry’s environment is found by its computed name', async () => {
    const { root, home, find } = aMachine({ 'pyproject.toml': POETRY });
    const dir = aVenv(join(home, '.cache/pypoetry/virtualenvs', `${poetryName(root)}-py3.11`));

    expect((await find()).toolchain).toMatchObject({ kind: 'poetry', dir });
  });

  test('of several environments of Poetry the one in envs.toml is taken', async () => {
    const { root, home, find } = aMachine({ 'pyproject.toml': POETRY });
    const envs = join(home, '.cache/pypoetry/virtualenvs');
    const [, dir] = ['3.11', '3.12'].map((minor) => aVenv(join(envs, `${poetryName(root)}-py${minor}`)));
    writeFileSync(join(envs, 'envs.toml'), `[${poetryName(root)}]\nminor = "3.12"\npatch = "3.12.1"\n`);

    expect((await find()).toolchain).toMatchObject({ dir });
  });

  test('Poetry is asked when its files leave it open, and missed by name when it is not there', async () => {
    const missing = aMachine({ 'pyproject.toml': POETRY });
    expect((await missing.find()).warnings.join()).toContain('poetry is not installed');

    const answers = aMachine(
      { 'pyproject.toml': POETRY },
      { poetry: '[ "$*" = "env info --path" ] && echo "$HOME/answer"' },
    );
    const dir = aVenv(join(answers.home, 'answer'));
    expect((await answers.find()).toolchain).toMatchObject({ kind: 'poetry', dir });

    const none = aMachine({ 'pyproject.toml': POETRY }, { poetry: 'exit 1' });
    expect((await none.find()).warnings.join()).toContain('poetry install');
  });

  test('Pipenv’s environment is found by its computed name', async () => {
    const { root, home, find } = aMachine({ Pipfile: '' });
    const code = `import base64,hashlib,sys,os
print(os.path.basename(sys.argv[1]) + "-" + base64.urlsafe_b64encode(hashlib.sha256((sys.argv[1] + "/Pipfile").encode()).digest()[:6]).decode()[:8])`;
    const name = execFileSync('python3', ['-c', code, root], { encoding: 'utf8' }).trim();
    const dir = aVenv(join(home, '.local/share/virtualenvs', name));

    expect((await find()).toolchain).toMatchObject({ kind: 'pipenv', dir });
  });

  test('conda’s environment is found by the name in environment.yml', async () => {
    const { home, find } = aMachine({ 'environment.yml': 'channels: [x]\nname: "science" # y\n' });
    const dir = aConda(join(home, 'miniforge3/envs/science'));
    writeFileSync(join(dir, 'conda-meta/state'), '{"env_vars": {"A": "b"}}');

    expect((await find()).toolchain).toMatchObject({
      kind: 'conda',
      path: [join(dir, 'bin')],
      env: { CONDA_PREFIX: dir, CONDA_DEFAULT_ENV: 'science', A: 'b' },
    });
  });

  test('two environments of one name are not guessed between', async () => {
    const { home, find } = aMachine({ 'environment.yml': 'name: science\n' });
    aConda(join(home, 'miniforge3/envs/science'));
    const other = aConda(join(home, 'other/science'));
    mkdirSync(join(home, '.conda'));
    writeFileSync(join(home, '.conda/environments.txt'), `${other}\n/gone/science\n`);
    const { toolchain, warnings } = await find();

    expect(toolchain).toBeNull();
    expect(warnings.join()).toMatch(/two environments "science".*--venv/);
  });

  test('a missing conda is named', async () => {
    const { find } = aMachine({ 'environment.yml': 'name: science\n' });

    expect((await find()).warnings.join()).toContain('conda is not installed');
  });

  test('requirements without an environment are warned about', async () => {
    expect((await aMachine({ 'requirements.txt': 'x\n' }).find()).warnings.join()).toContain(
      'python3 -m venv .venv',
    );
  });
});
