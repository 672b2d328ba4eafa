import { execFileSync } from 'node:child_process';
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AUTO, aConda, aVenv, program } from '../../../test/support/toolchain-machine.ts';
import { aTree } from '../../../test/support/tree.ts';
import type { VenvRequest } from '../../core/context.ts';
import { containerToolchainScript } from '../toolchain.ts';

/** A PATH with all programs of this machine but these. */
function machineWithout(...left: readonly string[]): string {
  const dir = aTree({}, 'no git');
  for (const name of readdirSync('/usr/bin'))
    if (!left.includes(name)) symlinkSync(join('/usr/bin', name), join(dir, name));
  return dir;
}

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
