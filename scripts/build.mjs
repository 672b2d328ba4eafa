// Bundles the program and the library into dist/, so that users install one small package.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundling, root } from './bundling.mjs';

const out = process.argv[2] ?? join(root, 'dist');
const require = createRequire(import.meta.url);

rmSync(out, { recursive: true, force: true });
await build({
  ...bundling,
  entryPoints: { berth: 'src/main.ts', index: 'src/index.ts' },
  outdir: join(out, 'lib'),
  splitting: true,
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
