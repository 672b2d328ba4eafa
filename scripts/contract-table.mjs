// Runs the whole-run contract on every engine and writes its table into docs/containers.md: point × box.
//   node scripts/contract-table.mjs            runs the suite, then writes
//   node scripts/contract-table.mjs FILE.json  writes from a report of `vitest run test/runs --reporter=json`
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const page = join(root, 'docs/containers.md');
const [begin, end] = ['<!-- contract table -->', '<!-- end of the contract table -->'];

const ORDER = ['host', 'docker', 'podman', 'compose'];

const report = JSON.parse(readFileSync(process.argv[2] ?? runSuite(), 'utf8'));
const text = readFileSync(page, 'utf8');
const before = text.slice(0, text.indexOf(begin) + begin.length);
const after = text.slice(text.indexOf(end));
writeFileSync(page, `${before}\n${table(resultsOf(report))}\n${after}`);

function runSuite() {
  const folder = mkdtempSync(join(tmpdir(), 'berth-table-'));
  process.on('exit', () => rmSync(folder, { recursive: true }));
  const file = join(folder, 'report.json');
  const args = [
    'vitest',
    'run',
    'test/runs',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ];
  spawnSync('npx', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return file;
}

/** point → box → how many tests passed, failed and were left out. */
function resultsOf({ testResults }) {
  const results = new Map();
  for (const { name: file, assertionResults } of testResults) {
    for (const { ancestorTitles, title, status } of assertionResults) {
      const point = Number(/^(\d+)\. /.exec(title)?.[1]);
      if (!point || !ancestorTitles.at(-1).includes(', ')) continue;
      const engine = basename(file, '.test.ts');
      const where = ancestorTitles.at(-1).split(', ')[0];
      const box = where.startsWith('the host') ? 'host' : `${engine}, ${where}`;
      const counts = results.get(point)?.get(box) ?? { passed: 0, failed: 0, skipped: 0 };
      counts[status === 'passed' || status === 'failed' ? status : 'skipped'] += 1;
      results.set(point, (results.get(point) ?? new Map()).set(box, counts));
    }
  }
  return results;
}

function table(results) {
  const boxes = [...new Set([...results.values()].flatMap((row) => [...row.keys()]))].sort(
    (a, b) => ORDER.indexOf(a.split(',')[0]) - ORDER.indexOf(b.split(',')[0]) || (a < b ? -1 : 1),
  );
  const points = pointsOf(readFileSync(join(root, 'src/testing/run-contract.ts'), 'utf8'));
  const rows = points.map(({ number, words }) => {
    const cells = boxes.map((box) => cell(results.get(number)?.get(box)));
    return `| ${number} | ${words} | ${cells.join(' | ')} |`;
  });
  const head = `| | point | ${boxes.join(' | ')} |`;
  return [head, `|${'---|'.repeat(boxes.length + 2)}`, ...rows].join('\n');
}

function cell(counts) {
  if (!counts) return '–';
  if (counts.failed > 0) return `${counts.failed} failed`;
  return counts.passed === 0 ? '–' : `${counts.passed} ok`;
}

function pointsOf(source) {
  const block = source.slice(
    source.indexOf('export const RUN_POINTS'),
    source.indexOf('};', source.indexOf('export const RUN_POINTS')),
  );
  return [...block.matchAll(/^ {2}(\d+): '(.+)',$/gm)].map(([, number, words]) => ({
    number: Number(number),
    words,
  }));
}
