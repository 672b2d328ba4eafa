// Runs the whole-run contract on every engine and writes its table into docs/containers.md: box × point.
//   node scripts/contract-table.mjs            runs the suite, in the sizes of CI, then writes
//   node scripts/contract-table.mjs FILE.json  writes from a report of `vitest run test/runs --reporter=json`
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const page = join(root, 'docs/containers.md');
const [begin, end] = ['<!-- contract table -->', '<!-- end of the contract table -->'];

const ORDER = ['the host', 'docker', 'compose', 'podman', 'podman without root', 'docker that is podman'];
const WAYS = ['queue', 'tmux', 'foreground'];

const report = JSON.parse(readFileSync(process.argv[2] ?? runSuite(), 'utf8'));
const text = readFileSync(page, 'utf8');
const before = text.slice(0, text.indexOf(begin) + begin.length);
const after = text.slice(text.indexOf(end));
writeFileSync(page, `${before}\n${table(boxesOf(report))}\n${after}`);

function runSuite() {
  const folder = mkdtempSync(join(tmpdir(), 'berth-table-'));
  process.on('exit', () => rmSync(folder, { recursive: true }));
  const file = join(folder, 'report.json');
  const args = ['vitest', 'run', 'test/runs', '--reporter=default', '--reporter=json'];
  const env = { ...process.env, CI: 'true' };
  spawnSync('npx', [...args, `--outputFile.json=${file}`], {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return file;
}

/** Box → the ways that tasks got there, and for each point how many tests passed, failed and were left out. */
function boxesOf({ testResults }) {
  const boxes = new Map();
  for (const { ancestorTitles, title, status } of testResults.flatMap((file) => file.assertionResults)) {
    const point = /^(\d+)\. /.exec(title)?.[1];
    const [, where, way] = /^(.+), (\w+)$/.exec(ancestorTitles.at(-1)) ?? [];
    if (!point || !WAYS.includes(way)) continue;
    const name = [...ancestorTitles.slice(0, -1), where].join(', ');
    const box = boxes.get(name) ?? { ways: new Set(), points: new Map() };
    const counts = box.points.get(point) ?? { passed: 0, failed: 0, skipped: 0 };
    counts[status === 'passed' || status === 'failed' ? status : 'skipped'] += 1;
    box.ways.add(way);
    boxes.set(name, { ...box, points: box.points.set(point, counts) });
  }
  return boxes;
}

function table(boxes) {
  const points = pointsOf(readFileSync(join(root, 'src/testing/run-contract.ts'), 'utf8'));
  const rank = (name) => (ORDER.indexOf(name.split(', ')[0]) + 1 || ORDER.length + 1) * 10;
  const names = [...boxes.keys()].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const rows = names.map((name) => {
    const box = boxes.get(name);
    const ways = WAYS.filter((way) => box.ways.has(way)).join(', ');
    const cells = points.map(({ number }) => cell(box.points.get(number)));
    return `| ${[name, ways, ...cells].join(' | ')} |`;
  });
  const list = points.map(({ number, words }) => `| ${number} | ${words} |`);
  return [
    ...['| | point |', '|---|---|', ...list, ''],
    `| where | started | ${points.map(({ number }) => number).join(' | ')} |`,
    `|${'---|'.repeat(points.length + 2)}`,
    ...rows,
  ].join('\n');
}

function cell(counts) {
  if (!counts) return '–';
  if (counts.failed > 0) return `${counts.failed} failed`;
  return counts.passed === 0 ? '–' : `${counts.passed} ok`;
}

function pointsOf(source) {
  const start = source.indexOf('export const RUN_POINTS');
  const block = source.slice(start, source.indexOf('};', start));
  return [...block.matchAll(/^ {2}(\d+): '(.+)',$/gm)].map(([, number, words]) => ({ number, words }));
}
