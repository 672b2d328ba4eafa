import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../../src/core/store.ts';
import type { TaskEvent, TaskSpec } from '../../src/core/task.ts';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { openSqliteStore } from '../../src/stores/sqlite.ts';
import { aTask } from '../../src/testing/store-fixture.ts';
import { describeWith } from '../support/engines.ts';
import { TestDatabase } from '../support/postgres.ts';
import { readTraces, violations } from './check.ts';
import { MUTANTS, type Mutant, without } from './mutants.ts';

/** Of each run; CI takes a minute. */
const CHAOS_MS = Number(process.env.BERTH_TEST_CHAOS_MS ?? 10_000);
/** In which a queue that lacks a guard has to be found out. That takes luck and a quiet machine: only when asked. */
const MUTANT_MS = Number(process.env.BERTH_TEST_MUTANT_MS ?? 0);
const LEFT_OUT = MUTANT_MS > 0 ? '' : ' [left out: set BERTH_TEST_MUTANT_MS=60000]';
const WORKERS = 6;

const cache = join(import.meta.dirname, '../../node_modules/.cache');
let bundles: string;
beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  bundles = mkdtempSync(join(cache, 'berth-chaos-'));
});
afterAll(() => rmSync(bundles, { recursive: true }));

async function bundle(mutant: Mutant | null): Promise<string> {
  const outfile = join(mkdtempSync(join(bundles, 'worker-')), 'worker.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'worker.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    loader: { '.sql': 'text' },
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    logLevel: 'silent',
    plugins: mutant === null ? [] : [without(mutant)],
  });
  return outfile;
}

interface Place {
  readonly address: string;
  open(): Promise<Store>;
  close(): Promise<void>;
  /** The server crashes and comes back; null where there is none. */
  readonly crash: (() => Promise<unknown>) | null;
}

function sqlitePlace(): Place {
  const directory = mkdtempSync(join(tmpdir(), 'berth-chaos-'));
  return {
    address: directory,
    open: () => openSqliteStore({ directory }),
    close: async () => rmSync(directory, { recursive: true }),
    crash: null,
  };
}

function postgresPlace(): Place {
  const database = new TestDatabase();
  return {
    address: database.url,
    open: () => openPostgresStore({ url: database.url }),
    close: () => database[Symbol.asyncDispose](),
    // every connection dies in the middle of what it does; the server itself is shared with other tests
    crash: () =>
      database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'berth' and pid <> pg_backend_pid()`,
      ),
  };
}

interface Story {
  readonly sent: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly found: readonly string[];
  readonly problems: readonly string[];
}

/** @param until  ends early once something is found */
async function chaos(place: Place, program: string, chaosMs: number, until: 'end' | 'found'): Promise<Story> {
  const traces = join(mkdtempSync(join(bundles, 'traces-')), 'traces');
  writeFileSync(traces, '');
  const store = await place.open();
  const crew = new Crew(place.address, program, traces);
  const ids: number[] = [];
  const faults = { kill: 0, stop: 0, crash: 0 };
  const shared = place.address.startsWith('postgresql:');
  let found: readonly string[] = [];
  const endAtMs = Date.now() + chaosMs;
  try {
    for (let round = 1; Date.now() < endAtMs; round += 1) {
      const batch = Array.from({ length: 40 }, (_, at) => taskFor(shared ? `host-${at % 3}` : 'local'));
      ids.push(...(await persistently(() => store.addAll(batch))).map(({ id }) => id));
      await delay(400);
      if (round % 10 === 0 && place.crash) {
        await place.crash();
        faults.crash += 1;
      } else if (Math.random() < 0.5) {
        crew.kill();
        faults.kill += 1;
      } else {
        crew.stop(500 + Math.random() * 6000);
        faults.stop += 1;
      }
      if (until === 'found' && round % 5 === 0) {
        found = await look(store, ids, traces, false);
        if (found.length > 0) break;
      }
    }
    crew.calm();
    if (until === 'end') await allFinished(store, crew);
    if (found.length === 0) found = await look(store, ids, traces, until === 'end');
    const problems = until === 'end' ? await store.problems() : [];
    return { sent: ids.length, faults, found, problems };
  } finally {
    crew.end();
    await store.close();
    await place.close();
  }
}

function taskFor(host: string): TaskSpec {
  const task = aTask('x', { onLost: 'retry', retries: 1000 });
  return { ...task, context: { ...task.context, host } };
}

async function look(store: Store, ids: readonly number[], traces: string, ended: boolean) {
  const events = new Map<number, readonly TaskEvent[]>();
  for (const id of ids) events.set(id, await persistently(() => store.events(id)));
  const found = violations({ acknowledged: ids, events, traces: readTraces(traces) });
  return ended ? found : found.filter((line) => !line.endsWith('has finished 0 times'));
}

async function allFinished(store: Store, { words }: Crew): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await delay(100)) {
    const { pending, assigned, running } = await persistently(() => store.counts());
    if (pending + assigned + running === 0) return;
    if (Date.now() > deadline)
      throw new Error(`${pending + assigned + running} tasks never ended. ${words.join('').slice(-2000)}`);
  }
}

async function persistently<T>(call: () => Promise<T>): Promise<T> {
  for (let left = 100; ; left -= 1) {
    try {
      return await call();
    } catch (error) {
      if (left === 0) throw error;
      await delay(50);
    }
  }
}

/** Worker processes that are replaced when they die. */
class Crew {
  private readonly members: ChildProcess[] = [];
  private readonly start: (at: number) => ChildProcess;
  private over = false;
  /** What workers complained of; one that is healthy says nothing. */
  readonly words: string[] = [];

  constructor(address: string, program: string, traces: string) {
    this.start = (at) => {
      const child = spawn(process.execPath, [program, address, `w${at}`, traces], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      child.stderr?.on('data', (words) => this.words.push(String(words)));
      child.on('exit', () => {
        if (!this.over) this.members[at] = this.start(at);
      });
      return child;
    };
    for (let at = 0; at < WORKERS; at += 1) this.members.push(this.start(at));
  }

  private anyone(): ChildProcess | undefined {
    return this.members[Math.floor(Math.random() * WORKERS)];
  }

  kill(): void {
    this.anyone()?.kill('SIGKILL');
  }

  stop(ms: number): void {
    const member = this.anyone();
    member?.kill('SIGSTOP');
    setTimeout(() => member?.kill('SIGCONT'), ms).unref();
  }

  calm(): void {
    for (const member of this.members) member.kill('SIGCONT');
  }

  end(): void {
    this.over = true;
    for (const member of this.members) member.kill('SIGKILL');
  }
}

function stories(place: () => Place): void {
  test(
    `workers that are killed and stopped past their lease for ${CHAOS_MS / 1000} s finish each task once`,
    async () => {
      const { sent, faults, found, problems } = await chaos(place(), await bundle(null), CHAOS_MS, 'end');

      process.stderr.write(`  ${sent} tasks, faults ${JSON.stringify(faults)}, ${found.length} violations\n`);
      expect(found).toEqual([]);
      expect(problems).toEqual([]);
    },
    CHAOS_MS + 120_000,
  );
}

describe('chaos on SQLite', () => stories(sqlitePlace));
describeWith(['postgres'], 'chaos on PostgreSQL', () => {
  stories(postgresPlace);

  test.runIf(MUTANT_MS > 0).each(MUTANTS)(
    `it is found out unless $name${LEFT_OUT}`,
    async (mutant) => {
      const { found } = await chaos(postgresPlace(), await bundle(mutant), MUTANT_MS, 'found');

      expect(found).not.toEqual([]);
    },
    MUTANT_MS + 120_000,
  );
});
