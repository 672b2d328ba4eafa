import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Berth } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const mise = process.env['BERTH_TEST_MISE'];
const PRINT_PREFIX = ['python', '-c', 'import sys; print(sys.prefix)'];

describeWith(['toolchains'], 'the real managers', () => {
  let folder: string;
  let project: string;
  let env: Record<string, string | undefined>;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-toolchains-')));
    project = join(folder, 'project');
    mkdirSync(project);
    const PATH = [...(mise ? [dirname(mise)] : []), '/usr/bin', '/bin'].join(delimiter);
    // where CI is set, mise trusts everything
    env = { HOME: folder, PATH, CI: undefined, XDG_CACHE_HOME: undefined, XDG_DATA_HOME: undefined };
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('Poetry: the environment is the one that poetry names, by its files alone', async () => {
    write(
      'pyproject.toml',
      '[tool.poetry]\nname = "My_App"\nversion = "1"\ndescription = ""\nauthors = []\n',
    );
    tool('poetry', 'env', 'use', '/usr/bin/python3');

    const { code, stdout, stderr } = await inProject(PRINT_PREFIX);

    expect({ code, stdout: stdout.trim(), stderr }).toEqual({
      code: 0,
      stdout: tool('poetry', 'env', 'info', '--path'),
      stderr: '',
    });
    expect(await reason()).toContain("Poetry's environment of this project");
  });

  test('Pipenv: the environment is the one that pipenv names, by its files alone', async () => {
    write('Pipfile', '');
    tool('pipenv', '--python', '/usr/bin/python3');

    const { code, stdout } = await inProject(PRINT_PREFIX);

    expect({ code, stdout: stdout.trim() }).toEqual({ code: 0, stdout: tool('pipenv', '--venv') });
    expect(await reason()).toContain("Pipenv's environment of this project");
  });

  test.each([
    ['Poetry', 'pyproject.toml', '[tool.poetry]\nname = "a"\nversion = "1"\n', 'poetry install'],
    ['Pipenv', 'Pipfile', '', 'pipenv install'],
  ])(
    '%s: an environment that was never made is a warning with what makes it',
    async (_, name, text, make) => {
      write(name, text);

      const { code, stderr } = await inProject(['true']);

      expect(code).toBe(0);
      expect(stderr).toContain(`run \`${make}\``);
    },
  );

  test('direnv: variables of an allowed .envrc arrive, those of one not looked at do not', async () => {
    write('.envrc', 'export COLOUR=blue\nPATH_add tools\n');
    mkdirSync(join(project, 'tools'));

    const before = await inProject(['sh', '-c', 'echo "$COLOUR"']);
    tool('direnv', 'allow');
    const after = await inProject(['sh', '-c', 'echo "$COLOUR ${PATH%%:*}"']);
    write('.envrc', 'export COLOUR=red\n');
    const changed = await inProject(['sh', '-c', 'echo "$COLOUR"']);

    expect([before.stdout, after.stdout, changed.stdout]).toEqual(['\n', `blue ${project}/tools\n`, '\n']);
    expect(before.stderr).toContain('direnv allow');
    expect(changed.stderr).toContain('direnv allow');
  });

  test.skipIf(!mise)(`mise: settings arrive once trusted${mise ? '' : ' [left out: no mise]'}`, async () => {
    write('mise.toml', '[env]\nCOLOUR = "green"\n_.path = ["tools"]\n');
    mkdirSync(join(project, 'tools'));

    const before = await inProject(['sh', '-c', 'echo "$COLOUR"']);
    tool('mise', 'trust');
    const after = await inProject(['sh', '-c', 'echo "$COLOUR ${PATH%%:*}"']);

    expect([before.stdout, after.stdout]).toEqual(['\n', `green ${project}/tools\n`]);
    expect(before.stderr).toContain('mise trust');
  });

  function write(name: string, text: string): void {
    writeFileSync(join(project, name), text);
  }

  function tool(program: string, ...args: readonly string[]): string {
    const output = execFileSync(program, args, {
      cwd: project,
      env: { ...process.env, ...env },
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return output.trim();
  }

  async function inProject(argv: readonly string[]) {
    await using berth = new Berth(env);
    return await berth.run(['run', '--auto-venv', '--', ...argv], project);
  }

  async function reason(): Promise<string> {
    await using berth = new Berth(env);
    return (await berth.run(['explain', '--auto-venv', '--', 'true'], project)).stdout;
  }
});
