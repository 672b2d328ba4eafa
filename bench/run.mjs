// `npm run bench [-- NAME…]`: runs the benchmarks of this folder, each in a process of its own, against the
// program as users get it. Numbers are printed, never judged: this fails only when nothing could be run.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { bundling, root } from '../scripts/bundling.mjs';

const folder = join(root, 'bench');
const all = readdirSync(folder).filter((file) => file.endsWith('.ts'));
const known = all.map((file) => basename(file, '.ts'));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${known.join(', ')}.`);
  process.exit(64);
}

// certificates that every Node reads at its start, where this is set: they would be most of what a start costs
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
const out = mkdtempSync(join(tmpdir(), 'berth-bench-'));
try {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs'), out], { stdio: 'inherit' });
  for (const name of wanted.length > 0 ? wanted : known) {
    await run(name).catch((error) => console.log(`${name} was not measured: ${error.message}`));
  }
} finally {
  rmSync(out, { recursive: true, force: true });
}

async function run(name) {
  // one folder deep, as the program itself: both find SQLite's libraries beside it
  const file = join(out, 'bench', `${name}.js`);
  await build({ ...bundling, entryPoints: [join(folder, `${name}.ts`)], outfile: file, sourcemap: 'inline' });
  const load = loadavg()[0].toFixed(1);
  console.log(`\n${name}   (Node ${process.version}, load ${load} before)`);
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    cwd: root,
    stdio: 'inherit',
    // one that waits for what never comes must not hold up the others
    timeout: 600_000,
    env: { ...env, NODE_COMPILE_CACHE: join(out, 'code'), BERTH_BENCH_PROGRAM: join(out, 'lib/berth.js') },
  });
  const end = await new Promise((resolve) => child.once('close', (...how) => resolve(how)));
  if (end[0] !== 0) console.log(`${name} ended with ${end[0] ?? end[1]}`);
}
