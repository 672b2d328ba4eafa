import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import type { Store } from '../../src/core/store.ts';
import type { TaskEvent, TaskSpec } from '../../src/core/task.ts';
import { aTask } from '../../src/testing/store-fixture.ts';
import { readTraces, violations } from './check.ts';
import { Crew } from './crew.ts';
import { LEASE_MS } from './lease.ts';
import { type Mutant, without } from './mutants.ts';

/** A queue, and the server that it needs. */
export interface Place {
  /** As the workers are told it. */
  readonly address: string;
  open(): Promise<Store>;
  /** The server crashes and comes back; null where there is none. */
  readonly crash: (() => Promise<void>) | null;
}

export interface Story {
  readonly sent: number;
  readonly faults: Readonly<Record<'kill' | 'stop' | 'crash', number>>;
  /** What must never happen, and did. */
  readonly found: readonly string[];
  /** What the queue finds wrong with itself. */
  readonly problems: readonly string[];
}

/** Bundles of the worker's program, and what workers wrote down. */
export class Workshop implements Disposable {
  private readonly folder: string;

  constructor() {
    // inside the project, so that a bundle finds the compiled SQLite
    const cache = join(import.meta.dirname, '../../node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    this.folder = mkdtempSync(join(cache, 'berth-chaos-'));
  }

  async program(mutant: Mutant | null): Promise<string> {
    const outfile = join(mkdtempSync(join(this.folder, 'worker-')), 'worker.mjs');
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

  traces(): string {
    const path = join(mkdtempSync(join(this.folder, 'traces-')), 'traces');
    writeFileSync(path, '');
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** From the return of the server to its next crash: in the first lease nobody is given up. */
const CRASH_EVERY_MS = 8000;

/**
 * Worker processes that are killed and stopped past their lease while tasks come in, and a server that crashes.
 *
 * @param until  `found`: ends as soon as something is found
 */
export async function chaos(
  place: Place,
  { program, traces }: { readonly program: string; readonly traces: string },
  { chaosMs, until }: { readonly chaosMs: number; readonly until: 'end' | 'found' },
): Promise<Story> {
  const store = await place.open();
  // who looks for a bug wants the faults that show it; who looks for none wants everything in between as well
  const freezeEvery = until === 'found' ? 12 : 40;
  const crew = new Crew({ program, address: place.address, traces, freezeEvery });
  const sent = new Sent(store, place.address.startsWith('postgresql:'));
  const faults = { kill: 0, stop: 0, crash: 0 };
  const over = AbortSignal.timeout(chaosMs);
  const found = new AbortController();
  const signal = AbortSignal.any([over, found.signal]);
  const seen = () => look(store, { sent, traces, ended: until === 'end' });
  let before: readonly string[] = [];
  try {
    await Promise.all([
      repeatedly(signal, { minMs: 300, mostMs: 700 }, () => sent.more()),
      repeatedly(signal, { minMs: 300, mostMs: 700 }, () => {
        const fault = crew.hurt();
        if (fault !== null) faults[fault] += 1;
      }),
      repeatedly(signal, { minMs: CRASH_EVERY_MS / 2, mostMs: CRASH_EVERY_MS }, async () => {
        await place.crash?.();
        if (place.crash) faults.crash += 1;
      }),
      repeatedly(signal, { minMs: 2000, mostMs: 3000 }, async () => {
        if (until === 'end') return;
        // while tasks run, what they left is read later than their events: only what is seen twice is true
        const now = await seen();
        if (now.some((line) => before.includes(line))) found.abort();
        before = now;
      }),
    ]);
    crew.calm();
    if (until === 'end') await allFinished(store, crew);
    await crew.end();
    const problems = until === 'end' ? await store.problems() : [];
    return { sent: sent.ids.length, faults, found: await seen(), problems };
  } finally {
    await crew.end();
    await store.close();
  }
}

async function repeatedly(
  signal: AbortSignal,
  { minMs, mostMs }: { readonly minMs: number; readonly mostMs: number },
  work: () => Promise<void> | void,
): Promise<void> {
  for (;;) {
    await delay(minMs + Math.random() * (mostMs - minMs), undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    await work();
  }
}

/** Tasks that were acknowledged. A few wait for others. */
class Sent {
  readonly ids: number[] = [];
  readonly parents = new Map<number, readonly number[]>();
  private readonly store: Store;
  private readonly shared: boolean;

  constructor(store: Store, shared: boolean) {
    this.store = store;
    this.shared = shared;
  }

  /** A few tasks, and right behind them others of which some wait for one of the first. */
  async more(): Promise<void> {
    const { pending } = await persistently(() => this.store.counts());
    if (pending > 60) return;
    const first = await this.add(Array.from({ length: 8 }, () => []));
    await this.add(Array.from({ length: 16 }, (_, at) => first.slice(at, at + 1)));
  }

  private async add(waiting: readonly (readonly number[])[]): Promise<readonly number[]> {
    const specs = waiting.map((after, at) => this.spec(this.ids.length + at, after));
    // with their keys they can be sent again, when nobody knows whether they arrived
    const added = (await persistently(() => this.store.addAll(specs))).map(({ id }) => id);
    for (const [at, id] of added.entries()) this.parents.set(id, waiting[at] ?? []);
    this.ids.push(...added);
    return added;
  }

  private spec(at: number, after: readonly number[]): TaskSpec {
    const task = aTask('x', { key: `task-${at}`, onLost: 'retry', retries: 1000, after });
    return { ...task, context: { ...task.context, host: this.shared ? `host-${at % 3}` : 'local' } };
  }
}

async function look(
  store: Store,
  { sent, traces, ended }: { readonly sent: Sent; readonly traces: string; readonly ended: boolean },
): Promise<readonly string[]> {
  const { ids: acknowledged, parents } = sent;
  const events = new Map<number, readonly TaskEvent[]>();
  for (const id of acknowledged) events.set(id, await persistently(() => store.events(id)));
  const { traces: left, contacts } = readTraces(traces);
  const heard = { leaseMs: LEASE_MS, contacts };
  const found = violations({ acknowledged, events, traces: left, parents, heard });
  return ended ? found : found.filter((line) => !line.endsWith('has finished 0 times'));
}

async function allFinished(store: Store, { words }: Crew): Promise<void> {
  for (const deadline = Date.now() + 180_000; ; await delay(100)) {
    const { pending, assigned, running } = await persistently(() => store.counts());
    if (pending + assigned + running === 0) return;
    if (Date.now() > deadline)
      throw new Error(`${pending + assigned + running} tasks never ended. ${words.join('').slice(-2000)}`);
  }
}

async function persistently<T>(call: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + 60_000; ; await delay(50)) {
    try {
      return await call();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
