// Bundles the program and the library into dist/, so that users install one small package.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundling, root } from './bundling.mjs';

const words = process.argv.slice(2);
const out = words.find((word) => !word.startsWith('--')) ?? join(root, 'dist');

// Node starts CommonJS a third faster: it compiles less, and loads less of itself. Of short names and no blanks it reads
// half as much at every start.
const common = {
  ...bundling,
  minifyWhitespace: true,
  minifyIdentifiers: true,
  banner: { js: 'const berthFile = require("node:url").pathToFileURL(__filename).href;' },
  define: { ...bundling.define, 'import.meta.url': 'berthFile' },
  supported: { 'dynamic-import': false },
  format: 'cjs',
  outdir: join(out, 'lib'),
  metafile: true,
  write: false,
};
// packages that few verbs need, only ever imported lazily; everything else is one file, because each file costs
const heavy = {
  yaml: bundling.alias.yaml,
  zod: 'zod',
  pg: 'pg',
  'cli-table3': 'cli-table3',
  'string-width': 'string-width',
};
const plugins = [...bundling.plugins, apart(Object.keys(heavy))];

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'lib'), { recursive: true });
const parts = await build({
  ...common,
  plugins,
  entryPoints: { program: 'src/main.ts', index: 'src/index.ts', ...heavy },
});
const files = new Map(parts.outputFiles.map(({ path, text }) => [path, text]));
const buildId = createHash('sha256')
  .update([...files.values()].join('\0'))
  .digest('hex')
  .slice(0, 16);
const launcher = await build({
  ...common,
  define: { ...common.define, 'process.env.BERTH_BUILD': JSON.stringify(buildId) },
  entryPoints: { berth: 'src/launch.ts' },
});
for (const { path, text } of [...parts.outputFiles, ...launcher.outputFiles]) writeFileSync(path, text);
writeFileSync(join(out, 'lib/package.json'), '{ "type": "commonjs" }\n');
chmodSync(join(out, 'lib/berth.js'), 0o755);
// SQLite's prebuilt libraries travel inside the package, where its loader looks for them (`../prebuilds`):
// nothing is compiled or fetched at install
cpSync(join(root, 'node_modules/@photostructure/sqlite/prebuilds'), join(out, 'prebuilds'), {
  recursive: true,
});
writeFileSync(join(out, 'THIRD_PARTY_LICENSES.txt'), licences(parts.metafile.inputs));
if (words.includes('--types')) {
  const tsc = join(root, 'node_modules/.bin/tsc');
  execFileSync(tsc, ['-p', 'tsconfig.types.json', '--outDir', join(out, 'types')], {
    cwd: root,
    stdio: 'inherit',
  });
}

/** These packages become files of their own beside the bundle. */
function apart(names) {
  return {
    name: 'apart',
    setup(bundler) {
      bundler.onResolve({ filter: new RegExp(`^(?:${names.join('|')})$`) }, ({ kind, path }) =>
        kind === 'entry-point' ? undefined : { path: `./${path}.js`, external: true },
      );
    },
  };
}

/** The licence of every package that went into the bundle, as each of them asks for. */
function licences(inputs) {
  const packages = Object.keys(inputs).flatMap(
    (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
  );
  const names = [...new Set([...packages, '@photostructure/sqlite'])].sort();
  return names
    .map((name) => {
      const folder = join(root, 'node_modules', name);
      const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8');
      return `${name} ${version}, ${license}\n\n${text.trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
