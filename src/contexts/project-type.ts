import { join } from 'node:path';
import { listDirectory } from './detect/files.ts';
import { field, readJson } from './toolchain/toml.ts';

/** A language of a project and the tool that its lock file or manifest belongs to. */
export interface ProjectType {
  readonly language: string;
  /** `npm`, `poetry`, `cargo` ... */
  readonly tool: string;
  /** Paths that say so, absolute. */
  readonly evidence: readonly string[];
}

/** Languages and tools of a directory, by its lock files and manifests; a lock file says more than a manifest. */
export async function projectTypes(dir: string): Promise<readonly ProjectType[]> {
  const { names } = listDirectory(dir);
  const found = new Map<string, ProjectType[]>();
  for (const { language, tool, files, manifest } of [...RULES, ...packageManager(dir)]) {
    const evidence = names.filter((name) => files.some((pattern) => matches(name, pattern)));
    const known = found.get(language) ?? [];
    if (evidence.length === 0 || (manifest === true && known.length > 0)) continue;
    found.set(language, [...known, { language, tool, evidence: evidence.map((name) => join(dir, name)) }]);
  }
  return [...found.values()].flat();
}

interface Rule {
  readonly language: string;
  readonly tool: string;
  /** Names; `*.csproj` is every name with that ending. */
  readonly files: readonly string[];
  /** Counts only when no rule above found this language. */
  readonly manifest?: true;
}

const RULES: readonly Rule[] = [
  { language: 'python', tool: 'uv', files: ['uv.lock'] },
  { language: 'python', tool: 'poetry', files: ['poetry.lock'] },
  { language: 'python', tool: 'pipenv', files: ['Pipfile', 'Pipfile.lock'] },
  { language: 'python', tool: 'pdm', files: ['pdm.lock'] },
  { language: 'python', tool: 'pixi', files: ['pixi.lock', 'pixi.toml'] },
  { language: 'python', tool: 'conda', files: ['environment.yml', 'environment.yaml', 'conda-lock.yml'] },
  {
    language: 'python',
    tool: 'pip',
    files: ['requirements.txt', 'requirements.in', 'pyproject.toml', 'setup.py', 'setup.cfg', 'manage.py'],
    manifest: true,
  },
  { language: 'node', tool: 'pnpm', files: ['pnpm-lock.yaml', 'pnpm-workspace.yaml'] },
  { language: 'node', tool: 'yarn', files: ['yarn.lock', '.yarnrc.yml'] },
  { language: 'node', tool: 'bun', files: ['bun.lock', 'bun.lockb'] },
  { language: 'node', tool: 'npm', files: ['package-lock.json', 'npm-shrinkwrap.json'] },
  { language: 'deno', tool: 'deno', files: ['deno.json', 'deno.jsonc', 'deno.lock'] },
  { language: 'ruby', tool: 'bundler', files: ['Gemfile', 'Gemfile.lock', 'gems.rb', '*.gemspec'] },
  { language: 'go', tool: 'go', files: ['go.mod', 'go.work'] },
  { language: 'rust', tool: 'cargo', files: ['Cargo.toml', 'Cargo.lock'] },
  { language: 'java', tool: 'maven', files: ['pom.xml', 'mvnw'] },
  { language: 'java', tool: 'gradle', files: ['build.gradle', 'settings.gradle', 'gradlew'] },
  { language: 'kotlin', tool: 'gradle', files: ['build.gradle.kts', 'settings.gradle.kts'] },
  { language: 'scala', tool: 'sbt', files: ['build.sbt'] },
  { language: 'scala', tool: 'mill', files: ['build.sc', 'build.mill'] },
  { language: 'clojure', tool: 'leiningen', files: ['project.clj'] },
  { language: 'clojure', tool: 'deps', files: ['deps.edn'] },
  { language: 'php', tool: 'composer', files: ['composer.json', 'composer.lock'] },
  {
    language: 'dotnet',
    tool: 'dotnet',
    files: ['*.csproj', '*.fsproj', '*.vbproj', '*.sln', '*.slnx', 'global.json'],
  },
  { language: 'elixir', tool: 'mix', files: ['mix.exs', 'mix.lock'] },
  { language: 'erlang', tool: 'rebar3', files: ['rebar.config', 'rebar.lock'] },
  { language: 'gleam', tool: 'gleam', files: ['gleam.toml'] },
  { language: 'haskell', tool: 'stack', files: ['stack.yaml'] },
  { language: 'haskell', tool: 'cabal', files: ['cabal.project', '*.cabal'] },
  { language: 'ocaml', tool: 'dune', files: ['dune-project'] },
  { language: 'dart', tool: 'pub', files: ['pubspec.yaml', 'pubspec.lock'] },
  { language: 'swift', tool: 'swiftpm', files: ['Package.swift'] },
  { language: 'zig', tool: 'zig', files: ['build.zig'] },
  { language: 'crystal', tool: 'shards', files: ['shard.yml'] },
  { language: 'julia', tool: 'pkg', files: ['Project.toml', 'Manifest.toml'] },
  { language: 'r', tool: 'renv', files: ['renv.lock', 'DESCRIPTION'] },
  { language: 'perl', tool: 'cpan', files: ['cpanfile', 'Makefile.PL'] },
  { language: 'lua', tool: 'luarocks', files: ['*.rockspec'] },
  { language: 'c', tool: 'cmake', files: ['CMakeLists.txt'] },
  { language: 'c', tool: 'meson', files: ['meson.build'] },
];

/** Without a lock file, `packageManager` in package.json names the tool; else npm, which comes with Node. */
function packageManager(dir: string): readonly Rule[] {
  const named = field(readJson(join(dir, 'package.json')), 'packageManager');
  const tool = /^(npm|pnpm|yarn|bun)@/.exec(typeof named === 'string' ? named : '')?.[1] ?? 'npm';
  return [{ language: 'node', tool, files: ['package.json'], manifest: true }];
}

function matches(name: string, pattern: string): boolean {
  return pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : name === pattern;
}
