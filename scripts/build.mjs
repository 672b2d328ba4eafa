// Bundles the program and the library into dist/, so that users install one small package.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundling, root } from './bundling.mjs';

const words = process.argv.slice(2);
const out = words.find((word) => !word.startsWith('--')) ?? join(root, 'dist');

rmSync(out, { recursive: true, force: true });
const { metafile } = await build({
  ...bundling,
  entryPoints: { berth: 'src/main.ts', index: 'src/index.ts' },
  outdir: join(out, 'lib'),
  splitting: true,
  metafile: true,
});
chmodSync(join(out, 'lib/berth.js'), 0o755);
// SQLite's prebuilt libraries travel inside the package, where its loader looks for them (`../prebuilds`):
// nothing is compiled or fetched at install
cpSync(join(root, 'node_modules/@photostructure/sqlite/prebuilds'), join(out, 'prebuilds'), {
  recursive: true,
});
writeFileSync(join(out, 'THIRD_PARTY_LICENSES.txt'), licences(metafile.inputs));
if (words.includes('--types')) {
  const tsc = join(root, 'node_modules/.bin/tsc');
  execFileSync(tsc, ['-p', 'tsconfig.types.json', '--outDir', join(out, 'types')], {
    cwd: root,
    stdio: 'inherit',
  });
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
