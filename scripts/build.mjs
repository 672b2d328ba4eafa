// Bundles the program and the library into dist/, so that users install one small package.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, transform } from 'esbuild';
import { bundling, root } from './bundling.mjs';

const words = process.argv.slice(2);
const out = words.find((word) => !word.startsWith('--')) ?? join(root, 'dist');

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'lib'), { recursive: true });
const { banner: _, ...options } = bundling;
const { metafile, outputFiles } = await build({
  ...options,
  entryPoints: { berth: 'src/main.ts', index: 'src/index.ts' },
  outdir: join(out, 'lib'),
  splitting: true,
  metafile: true,
  write: false,
});
for (const { path, text } of outputFiles) {
  writeFileSync(path, path.endsWith('.js') ? await commonJs(text) : text);
}
writeFileSync(join(out, 'lib/package.json'), '{ "type": "commonjs" }\n');
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

/**
 * Node starts CommonJS a third faster: it compiles less, and loads less of itself. The bundler splits only
 * ES modules, so each of its files is rewritten. `import { run } from 'berth'` finds the names as before.
 */
async function commonJs(text) {
  const here = 'const berthFile = require("node:url").pathToFileURL(__filename).href;';
  const { code } = await transform(text, {
    format: 'cjs',
    platform: 'node',
    target: options.target,
    define: { 'import.meta.url': 'berthFile' },
    banner: `"use strict";${text.includes('import.meta.url') ? here : ''}`,
    supported: { 'dynamic-import': false },
  });
  return code;
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
