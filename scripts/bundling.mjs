// How the sources become one file: for the program, and for the benchmarks that import parts of it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { version } = createRequire(import.meta.url)('../package.json');

/** Options of esbuild, without entry points and output. */
export const bundling = {
  absWorkingDir: root,
  bundle: true,
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
};

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
