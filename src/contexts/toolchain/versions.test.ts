import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AUTO, aMachine, aVenv, program } from '../../../test/support/toolchain-machine.ts';
import { findToolchain } from '../toolchain.ts';
import { parseVersion, satisfies } from './version-range.ts';

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
