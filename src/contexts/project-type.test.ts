import { expect, test } from 'vitest';
import { aTree } from '../../test/support/tree.ts';
import { projectTypes } from './project-type.ts';

test.each([
  ['python uv', { 'uv.lock': '', 'pyproject.toml': '' }],
  ['python pip', { 'pyproject.toml': '' }],
  ['python poetry', { 'poetry.lock': '', 'pyproject.toml': '' }],
  ['python pipenv', { Pipfile: '' }],
  ['node npm', { 'package.json': '{}' }],
  ['node npm', { 'package.json': '{}', 'package-lock.json': '{}' }],
  ['node pnpm', { 'package.json': '{}', 'pnpm-lock.yaml': '' }],
  ['node yarn', { 'package.json': '{"packageManager": "yarn@4.1.0"}' }],
  ['node bun', { 'package.json': '{}', 'bun.lockb': '' }],
  ['ruby bundler', { Gemfile: '' }],
  ['go go', { 'go.mod': '' }],
  ['rust cargo', { 'Cargo.toml': '' }],
  ['java maven', { 'pom.xml': '' }],
  ['java gradle', { 'build.gradle': '' }],
  ['kotlin gradle', { 'build.gradle.kts': '' }],
  ['php composer', { 'composer.json': '' }],
  ['dotnet dotnet', { 'App.csproj': '' }],
  ['elixir mix', { 'mix.exs': '' }],
  ['', { 'README.md': '' }],
  ['node npm, go go', { 'go.mod': '', 'package-lock.json': '' }],
])('%s', async (expected, files) => {
  const types = await projectTypes(aTree(files));

  expect(types.map(({ language, tool }) => `${language} ${tool}`).join(', ')).toBe(expected);
});

test('the evidence is every file that says so', async () => {
  const root = aTree({ Gemfile: '', 'Gemfile.lock': '' });

  expect((await projectTypes(root))[0]?.evidence).toEqual([`${root}/Gemfile`, `${root}/Gemfile.lock`]);
});
