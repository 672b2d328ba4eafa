// `npm test`: format, lint, types, unused code, then the tests, on every engine that this machine has.
//   npm test                 everything
//   npm test -- src/core     only the tests whose path matches (the checks are left out)
// BERTH_TEST_REQUIRE=docker,compose,... makes a missing engine a failure.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTests } from './run-tests.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const patterns = process.argv.slice(2);
const required = (process.env.BERTH_TEST_REQUIRE ?? '').split(',').filter((name) => name !== '');
const containers = ['docker', 'compose', 'compose-v1', 'podman', 'podman-compose', 'podman-rootless'];
const known = [...containers, 'tmux', 'ssh', 'postgres', 'kubernetes', 'toolchains'];
/** Engines that some test needs today. The others come with their parts. */
const used = [...containers, 'tmux', 'ssh', 'postgres', 'toolchains'];
/** It takes minutes to build, once: it comes up while the other tests run, and its own tests come last. */
const late = { engine: 'kubernetes', files: 'test/kubernetes' };

const unknown = required.filter((name) => !known.includes(name));
if (unknown.length > 0)
  fail(`BERTH_TEST_REQUIRE names no engine of ours: ${unknown.join(', ')}. Known: ${known.join(', ')}.`);

const inTwo = patterns.length === 0 && required.includes(late.engine) && process.platform !== 'win32';
if (inTwo) {
  const up = [join(root, 'test/engines/up'), late.engine];
  spawn('bash', up, { stdio: 'ignore' }).unref();
}
if (patterns.length === 0) {
  step('format and lint', 'biome', ['check', '--error-on-warnings', '.']);
  step('types', 'tsc', ['--noEmit']);
  step('unused code', 'knip', ['--no-progress']);
}
const engines = [...new Set([...used, ...required])];
const env = bringUpEngines(inTwo ? engines.filter((name) => name !== late.engine) : engines);
step('bundle', process.execPath, [join(root, 'scripts/build.mjs'), '--types'], env);
console.log('\n— tests');
if (!env.BERTH_TEST_CHAOS_MS)
  console.log('Chaos, crash points and histories at a small size; docs/queue.md has the full ones.');
const { passed, counts, again } = inTwo ? runInTwo() : runTests(root, patterns, env);
for (const title of again)
  console.log(`Failed beside the others, ${passed ? 'passed' : 'and once more'} alone: ${title}`);
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
if (!passed) fail('tests failed.');

function runInTwo() {
  const first = runTests(root, ['--exclude', `${late.files}*.test.ts`], env);
  // waits for the one that is on its way
  const second = runTests(root, [late.files], bringUpEngines([late.engine]));
  const sum = (name) => first.counts[name] + second.counts[name];
  return {
    passed: first.passed && second.passed,
    counts: { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') },
    again: [...first.again, ...second.again],
  };
}

/** @returns the environment in which the tests find their engines */
function bringUpEngines(names) {
  if (process.platform === 'win32') return process.env;
  console.log(`\n— engines: ${names.join(', ')}`);
  spawnSync('bash', [join(root, 'test/engines/up'), ...names], { stdio: 'inherit' });
  spawnSync('bash', [join(root, 'test/engines/images')], { stdio: 'inherit' });
  const lines = spawnSync('bash', ['-c', `eval "$(${join(root, 'test/engines/env')})"; env -0`], {
    encoding: 'utf8',
  });
  const found = Object.fromEntries(
    lines.stdout
      .split('\0')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const missing = names.filter((name) => !(found.BERTH_TEST_ENGINES ?? '').split(' ').includes(name));
  const needed = missing.filter((name) => required.includes(name));
  if (needed.length > 0)
    fail(
      `A required engine is missing (see above): ${needed.join(', ')}, of BERTH_TEST_REQUIRE=${required.join(',')}.`,
    );
  if (missing.length > 0)
    console.log(
      `Left out, because the engine does not answer: ${missing.join(', ')}. See test/engines/README.md.`,
    );
  return { ...process.env, ...found };
}

function step(title, program, args, env = process.env) {
  console.log(`\n— ${title}`);
  const local = join(root, 'node_modules/.bin', program);
  const { status, error } = spawnSync(existsSync(local) ? local : program, args, {
    cwd: root,
    stdio: 'inherit',
    env,
  });
  if (error) fail(`${title}: ${error.message}. Run npm ci first.`);
  if (status !== 0) fail(`${title} failed.`);
}

function fail(sentence) {
  console.error(`\n${sentence}`);
  process.exit(1);
}
