// Bundles the program and the library into dist/, so that users install one small package.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = process.argv[2] ?? join(root, 'dist');
const require = createRequire(import.meta.url);
const { version } = require('../package.json');

rmSync(out, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { berth: 'src/main.ts', index: 'src/index.ts' },
  outdir: join(out, 'lib'),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  // jsonc-parser's `main` is a UMD file that no bundler can follow
  mainFields: ['module', 'main'],
  // yaml's ES module; of a CommonJS one a lazy import would only see `default`
  alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
  target: 'node20.19',
  minifySyntax: true,
  legalComments: 'linked',
  define: { 'process.env.BERTH_VERSION': JSON.stringify(version) },
  // some bundled libraries are CommonJS and ask for Node's modules by require()
  banner: {
    js: "import { createRequire as berthRequire } from 'node:module'; const require = berthRequire(import.meta.url);",
  },
  plugins: [textModules()],
  logLevel: 'warning',
});
chmodSync(join(out, 'lib/berth.js'), 0o755);
// SQLite's prebuilt libraries travel inside the package, where its loader looks for them (`../prebuilds`):
// nothing is compiled or fetched at install
cpSync(join(root, 'node_modules/@photostructure/sqlite/prebuilds'), join(out, 'prebuilds'), {
  recursive: true,
});
if (process.argv.includes('--types')) {
  const tsc = require.resolve('typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.types.json', '--outDir', join(out, 'types')], {
    cwd: root,
    stdio: 'inherit',
  });
}

/** `import text from './file?raw'`, as the test runner understands it. */
function textModules() {
  return {
    name: 'text-modules',
    setup(bundler) {
      bundler.onResolve({ filter: /\?raw$/ }, ({ path, resolveDir }) => ({
        path: join(resolveDir, path.replace(/\?raw$/, '')),
        namespace: 'text',
      }));
      bundler.onLoad({ filter: /.*/, namespace: 'text' }, ({ path }) => ({
        contents: readFileSync(path, 'utf8'),
        loader: 'text',
      }));
    },
  };
}
