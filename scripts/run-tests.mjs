// Runs vitest and counts. Test files that fail beside the others run once more, alone: real engines on a loaded
// machine are slow, and a file that passes alone is told apart from one that is broken. It is named either way.
// What searches for rare schedules gets no second chance: there, one failure in a thousand is the finding.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const SEARCHES = ['test/chaos/', 'test/simulator/'];
/** More broken files than this are no accident of the load. */
const MOST_AGAIN = 10;

/**
 * @param root of the repository
 * @param patterns of paths; all tests without
 * @param env in which the tests find their engines
 * @returns whether all passed, and the counts
 */
export function runTests(root, patterns, env) {
  const first = vitest(root, patterns, env);
  if (first.passed) return { passed: true, counts: first.counts, again: [] };
  const files = first.failedFiles;
  const mayPass = files.length > 0 && files.length <= MOST_AGAIN && !files.some(isSearch) && !first.stray;
  if (!mayPass) return { passed: false, counts: first.counts, again: [] };
  console.log(`\n— once more, alone: ${files.join(', ')}`);
  const second = vitest(root, [...files, '--no-file-parallelism'], env);
  const failed = second.counts.failed;
  const counts = { ...first.counts, failed, passed: first.counts.passed + first.counts.failed - failed };
  return { passed: second.passed, counts, again: first.failedTests };
}

function vitest(root, args, env) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-report-'));
  const report = join(folder, 'report.json');
  const program = join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { status } = spawnSync(process.execPath, [program, 'run', ...reporters, ...args], {
    cwd: root,
    stdio: 'inherit',
    env,
  });
  const results = read(report);
  rmSync(folder, { recursive: true, force: true });
  const failed = results.testResults.filter((file) => file.status === 'failed');
  return {
    passed: status === 0,
    counts: {
      passed: results.numPassedTests,
      failed: results.numFailedTests,
      skipped: results.numPendingTests + results.numTodoTests,
    },
    failedFiles: failed.map((file) => relative(root, file.name)),
    failedTests: failed.flatMap((file) => titlesOf(root, file)),
    /** It failed outside of any test: an unhandled error, or no report at all. */
    stray: failed.length === 0,
  };
}

function read(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return { testResults: [], numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  }
}

function titlesOf(root, file) {
  const tests = file.assertionResults.filter((test) => test.status === 'failed');
  const titles = tests.length > 0 ? tests.map((test) => test.fullName) : ['(the file)'];
  return titles.map((title) => `${relative(root, file.name)}: ${title}`);
}

function isSearch(file) {
  return SEARCHES.some((folder) => file.startsWith(folder));
}
