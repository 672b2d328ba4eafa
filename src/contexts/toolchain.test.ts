import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { aTree } from '../../test/support/tree.ts';
import type { VenvRequest } from '../core/context.ts';
import { localHost } from '../hosts/local.ts';
import { parseVersion, satisfies } from './toolchain/version-range.ts';
import { containerToolchainScript, findToolchain } from './toolchain.ts';

const AUTO: VenvRequest = { kind: 'auto' };

/** A project and a home directory; programs are scripts in `bin` of the home, which alone is on PATH. */
function aMachine(files: Readonly<Record<string, string>>, programs: Readonly<Record<string, string>> = {}) {
  const root = aTree(files);
  const home = aTree({ 'bin/': '' }, 'no git');
  for (const [name, text] of Object.entries(programs)) program(join(home, 'bin', name), text);
  const environment = { PATH: join(home, 'bin'), HOME: home };
  const find = (request: VenvRequest = AUTO, dir = root, extra: Readonly<Record<string, string>> = {}) =>
    findToolchain(dir, request, {
      environment: { ...environment, ...extra },
      home,
      host: localHost(),
    });
  return { root, home, find };
}

function program(path: string, text = ''): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

/** A PATH with all programs of this machine but these. */
function machineWithout(...left: readonly string[]): string {
  const dir = aTree({}, 'no git');
  for (const name of readdirSync('/usr/bin'))
    if (!left.includes(name)) symlinkSync(join('/usr/bin', name), join(dir, name));
  return dir;
}

function aVenv(dir: string): string {
  program(join(dir, 'bin/python'));
  writeFileSync(join(dir, 'pyvenv.cfg'), 'home = /usr/bin\n');
  return dir;
}

function aConda(dir: string): string {
  program(join(dir, 'bin/python'));
  mkdirSync(join(dir, 'conda-meta'));
  return dir;
}

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

describe('Node and Ruby on the host', () => {
  function nodes(home: string, ...versions: readonly string[]): void {
    for (const version of versions) program(join(home, `.nvm/versions/node/v${version}/bin/node`));
  }

  test.each([
    ['.nvmrc', '18', '18.20.4'],
    ['.nvmrc', 'v18.19.0', '18.19.0'],
    ['.nvmrc', 'lts/hydrogen', '18.20.4'],
    ['.nvmrc', 'lts/*', '22.1.0'],
    ['.nvmrc', 'node', '23.0.0'],
    ['.nvmrc', '\n# the old one\n18.19 # x\n', '18.19.0'],
    ['.node-version', '22', '22.1.0'],
    ['.tool-versions', 'python 3.12\nnodejs 18.19.0 20.0.0\n', '18.19.0'],
    ['package.json', '{"volta": {"node": "18.19.0"}}', '18.19.0'],
    ['package.json', '{"engines": {"node": ">=18 <20"}}', '18.20.4'],
    ['package.json', '{"engines": {"node": "^18.1 || ^22"}}', '22.1.0'],
  ])('%s with %j takes Node %s', async (file, text, version) => {
    const { home, find } = aMachine({ [file]: text });
    nodes(home, '18.19.0', '18.20.4', '22.1.0', '23.0.0');

    expect((await find()).toolchain?.path).toEqual([join(home, `.nvm/versions/node/v${version}/bin`)]);
  });

  test('an alias of nvm is followed', async () => {
    const { home, find } = aMachine({ '.nvmrc': 'ours' });
    nodes(home, '18.19.0', '22.1.0');
    mkdirSync(join(home, '.nvm/alias'));
    writeFileSync(join(home, '.nvm/alias/ours'), 'v18.19.0\n');

    expect((await find()).toolchain?.reason).toContain('18.19.0');
  });

  test('mise.toml is read where mise is not installed, which is said', async () => {
    const { home, find } = aMachine({ 'mise.toml': '[tools]\nnode = "22"\nruby = ["3.3"]\n' });
    nodes(home, '22.1.0');
    program(join(home, '.rbenv/versions/3.3.1/bin/ruby'));
    const { toolchain, warnings } = await find();

    expect(toolchain).toMatchObject({ kind: 'nvm+rbenv' });
    expect(warnings.join()).toContain('mise is not installed');
  });

  test('when PATH has the version nothing is switched on', async () => {
    const { find } = aMachine({ '.nvmrc': '22' }, { node: 'echo v22.5.0' });

    expect(await find()).toEqual({ toolchain: null, warnings: [] });
  });

  test('a missing version and a missing manager are named', async () => {
    const { home, find } = aMachine({ '.nvmrc': '20' }, { node: 'echo v22.5.0' });

    expect((await find()).warnings).toEqual([
      '.nvmrc asks for node 20, but nvm is not installed (node on PATH is 22.5.0).',
    ]);
    nodes(home, '22.1.0');
    expect((await find()).warnings).toEqual([
      '.nvmrc asks for node 20, but nvm does not have it (node on PATH is 22.5.0).',
    ]);
  });

  test('.ruby-version takes the Ruby of rbenv', async () => {
    const { home, find } = aMachine({ '.ruby-version': 'ruby-3.2.2\n' });
    program(join(home, '.rbenv/versions/3.2.2/bin/ruby'));

    expect((await find()).toolchain).toMatchObject({
      kind: 'rbenv',
      path: [join(home, '.rbenv/versions/3.2.2/bin')],
    });
  });

  test('Python and Node of one project become one toolchain', async () => {
    const { root, home, find } = aMachine({ '.nvmrc': '22' });
    aVenv(join(root, '.venv'));
    nodes(home, '22.1.0');

    expect((await find()).toolchain).toMatchObject({
      kind: 'venv+nvm',
      dir: join(root, '.venv'),
      path: [join(root, '.venv/bin'), join(home, '.nvm/versions/node/v22.1.0/bin')],
    });
  });
});

describe('direnv and mise', () => {
  test('what an allowed .envrc sets is taken over', async () => {
    const json = `{"PATH": "/tools/bin:'"$PATH"'", "A": "b", "GONE": null, "DIRENV_DIR": "x"}`;
    const { find } = aMachine({ '.envrc': 'x' }, { direnv: `[ "$*" = "export json" ] && echo '${json}'` });

    expect(await find()).toMatchObject({
      toolchain: { kind: 'direnv', path: ['/tools/bin'], env: { A: 'b' } },
      warnings: [],
    });
  });

  test('a file that direnv refuses is not loaded, and the user told', async () => {
    const { find } = aMachine(
      { '.envrc': 'x' },
      { direnv: 'echo "direnv: error .envrc is blocked" >&2; exit 1' },
    );

    expect((await find()).warnings.join()).toContain('direnv allow');
  });

  test('a missing direnv is named', async () => {
    expect((await aMachine({ '.envrc': 'x' }).find()).warnings.join()).toContain('direnv is not installed');
  });

  test('a mise.toml that mise does not trust is not loaded', async () => {
    const { find } = aMachine({ 'mise.toml': '[env]\nA = "b"\n' }, { mise: 'echo untrusted >&2; exit 1' });

    expect((await find()).warnings.join()).toContain('mise trust');
  });

  test('nobody is asked without a host', async () => {
    const { root, home } = aMachine({ '.envrc': 'x' }, { direnv: 'touch ran' });
    await findToolchain(root, AUTO, { environment: { PATH: join(home, 'bin') }, home, host: null });

    expect(() => rmSync(join(root, 'ran'))).toThrow('ENOENT');
  });
});

describe('version ranges', () => {
  test.each([
    ['>=18', '18.0.0', true],
    ['>=18', '17.9.9', false],
    ['>= 18.1 < 20', '19.9.0', true],
    ['>18', '18.5.0', false],
    ['<=18', '18.9.9', true],
    ['<18', '18.0.0', false],
    ['^18.2', '18.9.0', true],
    ['^18.2', '19.0.0', false],
    ['^0.2.3', '0.2.9', true],
    ['^0.2.3', '0.3.0', false],
    ['~18.2', '18.2.9', true],
    ['~18.2', '18.3.0', false],
    ['18.x', '18.7.0', true],
    ['18.x.x', '19.0.0', false],
    ['18 - 20', '20.9.0', true],
    ['18 - 20', '21.0.0', false],
    ['14 || 16 || >=18', '17.0.0', false],
    ['*', '1.2.3', true],
    ['', '1.2.3', true],
    ['what', '1.2.3', false],
  ])('%j and %s: %s', (range, version, expected) => {
    expect(satisfies(parseVersion(version) ?? [0, 0, 0], range)).toBe(expected);
  });
});

const SHELLS = [['sh'], ['bash', '--posix'], ['busybox', 'sh']].filter(([program = '']) => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // not on this machine
  }
});

describe.each(SHELLS)('in a container with %s', (shell, ...shellArgs) => {
  /** Runs the fragment as the box would, in a function under `sh`, and prints what a task sees. */
  function inside(dir: string, request: VenvRequest, environment: Readonly<Record<string, string>> = {}) {
    const script = `exec 2>&1\ntask() {\n${containerToolchainScript(request)}
echo "venv=$VIRTUAL_ENV conda=$CONDA_PREFIX path=$PATH rest=$(set | grep -c '^berth_tc')"\n}\ntask\n`;
    const options = { cwd: dir, input: script, encoding: 'utf8', stdio: 'pipe' } as const;
    const env = { PATH: '/usr/bin:/bin', HOME: '/nobody', ...environment };
    return execFileSync(shell ?? 'sh', shellArgs, { ...options, env }).trim();
  }

  test.each(['.venv', 'venv', 'env'])('%s above the directory is activated', (name) => {
    const root = aTree({ 'src/a.py': '' });
    const dir = aVenv(join(root, name));

    expect(inside(join(root, 'src'), AUTO)).toBe(`venv=${dir} conda= path=${dir}/bin:/usr/bin:/bin rest=0`);
  });

  test('nothing above a git root is activated', () => {
    const outer = aTree({ 'inner/.git/': '' });
    aVenv(join(outer, '.venv'));

    expect(inside(join(outer, 'inner'), AUTO)).toBe('venv= conda= path=/usr/bin:/bin rest=0');
  });

  test('a miss is said on stderr and changes nothing', () => {
    const root = aTree({ 'requirements.txt': 'x' });

    expect(inside(root, AUTO).split('\n')).toEqual([
      `berth: no Python environment in this container for ${root}/requirements.txt; its own python is used.`,
      'venv= conda= path=/usr/bin:/bin rest=0',
    ]);
  });

  test('an environment that was made on the host at another path is warned about', () => {
    const root = aTree({});
    const dir = aVenv(join(root, '.venv'));
    writeFileSync(join(dir, 'bin/activate'), 'VIRTUAL_ENV=/host/project/.venv\n');

    expect(inside(root, AUTO)).toContain('was made at another path');
  });

  test('an environment whose Python is only on the host is not activated', () => {
    const root = aTree({ '.venv/pyvenv.cfg': '', '.venv/bin/': '', 'requirements.txt': '' });
    symlinkSync('/no/such/python', join(root, '.venv/bin/python'));

    expect(inside(root, AUTO)).toContain('no Python environment in this container');
  });

  test('Poetry and Pipenv are asked where they are, and missed by name', () => {
    const root = aTree({ 'poetry.lock': '' });
    const tools = aTree({}, 'no git');
    const dir = aVenv(join(tools, 'made'));
    program(join(tools, 'poetry'), `echo ${dir}`);

    const PATH = machineWithout('poetry', 'pipenv');
    expect(inside(root, AUTO, { PATH })).toContain('poetry is not installed in this container');
    expect(inside(root, AUTO, { PATH: `${tools}:/usr/bin:/bin` })).toContain(`venv=${dir}`);
    expect(inside(aTree({ Pipfile: '' }), AUTO, { PATH })).toContain(
      'pipenv is not installed in this container',
    );
  });

  test('conda’s environment is found by name', () => {
    const root = aTree({ 'environment.yml': 'name: "science"\n' });
    const home = aTree({}, 'no git');
    const dir = aConda(join(home, 'miniconda3/envs/science'));

    expect(inside(root, AUTO, { HOME: home })).toContain(`conda=${dir}`);
    expect(inside(root, AUTO)).toContain('conda environment science is not in this container');
  });

  test('.nvmrc takes the Node of nvm, and a miss is said', () => {
    const root = aTree({ '.nvmrc': 'v18\n' });
    const home = aTree({}, 'no git');
    program(join(home, '.nvm/versions/node/v18.20.4/bin/node'));

    expect(inside(root, AUTO, { HOME: home })).toContain(`path=${home}/.nvm/versions/node/v18.20.4/bin:`);
    expect(inside(aTree({ '.nvmrc': '17' }), AUTO)).toContain('node 17');
  });

  test('--venv that is not there ends the start with a sentence', () => {
    const root = aTree({});
    const dir = aVenv(join(root, "it's"));

    expect(inside(root, { kind: 'dir', dir: "it's" })).toContain(`venv=${dir}`);
    expect(() => inside(root, { kind: 'dir', dir: 'none' })).toThrow(
      expect.objectContaining({
        status: 1,
        stdout: 'berth: none is no Python environment in this container.\n',
      }),
    );
  });

  test('nothing is sent when nothing was asked', () => {
    expect(containerToolchainScript({ kind: 'off' })).toBe('');
  });
});
