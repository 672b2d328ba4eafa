import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const source = fileURLToPath(new URL('../src', import.meta.url));

/** Who may import whom; the same table stands in ARCHITECTURE.md. Files directly in src may import all. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  contexts: ['core'],
  stores: ['core'],
  hosts: ['core'],
  runtimes: ['core'],
  executors: ['core'],
  agents: ['core'],
  worker: ['core', 'contexts'],
  actions: ['core', 'contexts'],
  cli: ['core', 'actions', 'contexts'],
  testing: ['core'],
};

interface Import {
  readonly from: string;
  readonly to: string;
}

/** What breaks the table, one sentence each. */
function violations(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to }) => {
    const [folder = '', rest] = from.split('/');
    if (rest === undefined) return [];
    const isTest = from.endsWith('.test.ts');
    if (!to.startsWith('.')) {
      const pure = folder === 'core' && !isTest && to !== 'vitest';
      return pure ? [`${from} is in core and imports the package ${to}`] : [];
    }
    const target = relative(source, resolve(source, dirname(from), to)).split('/')[0] ?? '';
    if (isTest || target === folder || target === '..') return [];
    const allowed = MAY_IMPORT[folder];
    if (!allowed) return [`${from}: the folder ${folder} is not in the table`];
    return allowed.includes(target) ? [] : [`${from} imports ${to}`];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), 'utf8');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)[^;'"]*?from\s+'([^']+)'|import\('([^']+)'\)|(?:^|\n)import '([^']+)'/g,
  );
  return [...found].map(([, from, lazy, bare]) => ({ from: file, to: from ?? lazy ?? bare ?? '' }));
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);

test('every import is in the table', () => {
  expect(files.length).toBeGreaterThan(50);
  expect(violations(files.flatMap(importsOf))).toEqual([]);
});

test('a bad import is found', () => {
  expect(violations([{ from: 'core/task.ts', to: 'node:fs' }])).toEqual([
    'core/task.ts is in core and imports the package node:fs',
  ]);
  expect(violations([{ from: 'runtimes/oci.ts', to: '../hosts/local.ts' }])).toEqual([
    'runtimes/oci.ts imports ../hosts/local.ts',
  ]);
  expect(violations([{ from: 'worker/worker.ts', to: '../core/task.ts' }])).toEqual([]);
});

const product = files.filter((file) => !file.endsWith('.test.ts') && !file.startsWith('testing/'));

test('processes start only in hosts, and SQL stands only in stores', () => {
  const offenders = product.filter((file) => {
    const text = readFileSync(join(source, file), 'utf8');
    const starts = /from 'node:child_process'/.test(text) && !file.startsWith('hosts/');
    const sql = /\b(from|into|update) (tasks|sessions|attempts|events|workers|groups|dependencies)\b/.test(
      text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''),
    );
    return starts || (sql && !file.startsWith('stores/'));
  });
  expect(offenders).toEqual([]);
});

test('no file is longer than 300 lines', () => {
  const root = dirname(source);
  const written = ['src', 'test', 'bench'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(folder, file)),
  );
  const long = written.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 301);
  expect(written.length).toBeGreaterThan(files.length);
  expect(long).toEqual([]);
});
