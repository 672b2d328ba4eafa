import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { aTask } from '../testing/store-fixture.ts';
import { openDatabase } from './driver.ts';
import { SQLITE_MIGRATIONS } from './migrations.ts';
import { openSqliteStore } from './sqlite.ts';

// What only real processes show: kill -9, and the locks between them.

const here = import.meta.dirname;
/** Inside the project, so that the bundle finds the compiled SQLite as a program run from source does. */
const cache = join(here, '../../node_modules/.cache');
let bundles: string;
let program: string;
let directory: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  bundles = mkdtempSync(join(cache, 'berth-store-'));
  program = join(bundles, 'child.mjs');
  await build({
    stdin: { contents: CHILD, resolveDir: here, loader: 'ts' },
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
    loader: { '.sql': 'text' },
    logLevel: 'silent',
  });
});
afterAll(() => rmSync(bundles, { recursive: true }));
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'berth-processes-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) await stop(child);
  rmSync(directory, { recursive: true });
});

const CHILD = `
  import { openSqliteStore } from './sqlite.ts';
  import { aTask, aWorker, HERE, startWorker } from '../testing/store-fixture.ts';
  const [directory, role, name] = process.argv.slice(2);
  const store = await openSqliteStore({ directory });
  const say = (line) => process.stdout.write(line + '\\n');
  if (role === 'send') for (;;) say(String((await store.add(aTask('x'))).id));
  if (role === 'open') say('opened');
  if (role === 'work') {
    await startWorker(store, aWorker(name, process.pid), 4);
    for (const { lease } of await store.adopt(name)) await end(lease);
    for (;;) {
      const claims = await store.claim(name, 4);
      if (claims.length === 0) break;
      await Promise.all(claims.map(async ({ lease }) => {
        if ((await store.started(lease, HERE)) === 'kept') await end(lease);
      }));
    }
  }
  await store.close();
  async function end(lease) {
    if ((await store.finished(lease, { kind: 'succeeded' }, null)) === 'kept') say(String(lease.taskId));
  }
`;

function start(...args: string[]): { readonly child: ChildProcess; readonly lines: string[] } {
  const child = spawn(process.execPath, [program, directory, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines: string[] = [];
  if (child.stdout) createInterface(child.stdout).on('line', (line) => lines.push(line));
  return { child, lines };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function integrity(): unknown {
  const database = openDatabase(join(directory, 'berth.db'), { readOnly: true });
  const answer = database.get<{ integrity_check: string }>('PRAGMA integrity_check')?.integrity_check;
  database.close();
  return answer;
}

describe('processes that share a queue', () => {
  test('a task that was acknowledged is there after kill -9', async () => {
    const acknowledged: string[] = [];
    for (const wanted of [1, 5, 17, 40]) {
      const { child, lines } = start('send');
      await until(() => lines.length >= wanted);
      await stop(child);
      acknowledged.push(...lines.filter((line) => /^\d+$/.test(line)));
    }

    await using store = await openSqliteStore({ directory });
    const ids = new Set((await store.tasks({ limit: 100_000 })).map(({ id }) => id));

    expect(acknowledged.filter((id) => !ids.has(Number(id)))).toEqual([]);
    expect(integrity()).toBe('ok');
  });

  test('workers killed with -9 in the middle lose nothing and finish nothing twice', async () => {
    await using store = await openSqliteStore({ directory });
    await Promise.all(Array.from({ length: 300 }, () => store.add(aTask())));
    for (const wanted of [1, 9, 30, 60]) {
      const { child, lines } = start('work', 'w');
      await until(() => lines.length >= wanted);
      await stop(child);
    }
    await ended(start('work', 'w').child);

    expect(await store.counts()).toEqual({ pending: 0, assigned: 0, running: 0, finished: 300 });
    const tasks = await store.tasks({ limit: 1000 });
    for (const { id, attempts } of tasks) {
      const ends = (await store.events(id)).filter(({ kind }) => kind === 'finished');
      expect([id, ends.length, attempts.length]).toEqual([id, 1, 1]);
    }
    expect(integrity()).toBe('ok');
  });

  test('eight worker processes finish each task exactly once', async () => {
    await using store = await openSqliteStore({ directory });
    await Promise.all(Array.from({ length: 200 }, () => store.add(aTask())));

    const workers = Array.from({ length: 8 }, (_, number) => start('work', `w${number}`));
    for (const { child } of workers) await ended(child);

    const ids = workers.flatMap(({ lines }) => lines.map(Number)).sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
  });

  test('twenty processes that open a new folder at once all get the one queue', async () => {
    const openers = Array.from({ length: 20 }, () => start('open'));
    for (const { child } of openers) await ended(child);

    expect(openers.map(({ child, lines }) => [child.exitCode, ...lines])).toEqual(
      openers.map(() => [0, 'opened']),
    );
    const database = openDatabase(join(directory, 'berth.db'), { readOnly: true });
    const rows = database.all<{ version: number }>('select version from migrations order by version');
    expect(rows.map(({ version }) => version)).toEqual(SQLITE_MIGRATIONS.map(({ version }) => version));
    database.close();
  });
});
