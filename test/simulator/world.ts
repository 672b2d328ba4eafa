import type { Database } from '../../src/stores/driver.ts';
import { GivenClaims } from '../../src/stores/given.ts';
import { drive } from '../../src/stores/transactions.ts';
import type { StoreParts } from '../../src/stores/transitions.ts';
import { SQLITE, type Work } from '../../src/stores/work.ts';
import type { Contact, Trace } from '../chaos/check.ts';

export const LEASE_MS = 30_000;

/** A call to the database was not answered: it failed before its commit, or after it. */
export class NoAnswer extends Error {}

export interface Run {
  readonly trace: Omit<Trace, 'kind' | 'atMs'>;
  ended: boolean;
}

/** What all processes share: the clock, chance, the database and the way to it, and the runs on the hosts. */
export class World {
  nowMs = 1_000_000;
  /** No more faults. */
  calm = false;
  readonly random: () => number;
  readonly database: Database;
  /** Hosts that do not reach the database before this time. */
  readonly cutUntilMs = new Map<string, number>();
  /** By task and attempt, as run directories are. */
  readonly runs = new Map<string, Run>();
  readonly traces: Trace[] = [];
  /** Renewals that were answered, by worker. */
  readonly contacts = new Map<string, Contact[]>();
  /** Process ids. */
  readonly alive = new Set<number>();

  constructor(database: Database, seed: number) {
    this.database = database;
    this.random = generator(seed);
  }

  /** From 0 to below `count`. */
  pick(count: number): number {
    return Math.floor(this.random() * count);
  }

  commit<T>(work: Work<T>): T {
    // no two at the same time, so that a history tells their order
    this.nowMs += 1;
    this.database.run('BEGIN IMMEDIATE');
    try {
      const answer = drive(this.database, work);
      this.database.run('COMMIT');
      return answer;
    } catch (error) {
      this.database.run('ROLLBACK');
      throw error;
    }
  }

  /** @throws {NoAnswer} */
  ask<T>(host: string, work: Work<T>): T {
    if (this.nowMs < (this.cutUntilMs.get(host) ?? 0)) throw new NoAnswer();
    return this.commit(work);
  }

  /** An answer is lost now and then, after its commit. */
  losesAnswer(): boolean {
    return !this.calm && this.random() < 0.03;
  }

  begin(key: string, trace: Run['trace']): void {
    this.runs.set(key, { trace, ended: false });
    this.traces.push({ kind: 'begin', ...trace, atMs: this.nowMs });
  }

  /** A run ends by itself, whoever watches it; without faults all do. */
  endRuns(): void {
    const running = [...this.runs.values()].filter(({ ended }) => !ended);
    const at = this.pick(running.length);
    for (const run of this.calm ? running : running.slice(at, at + 1)) {
      run.ended = true;
      this.traces.push({ kind: 'end', ...run.trace, atMs: this.nowMs });
    }
  }

  parts(): StoreParts {
    return {
      dialect: SQLITE,
      leaseMs: LEASE_MS,
      now: () => this.nowMs,
      given: new GivenClaims(),
      epochs: new Map(),
      steady: new Map(),
    };
  }
}

/** Numbers from 0 to below 1 that depend on the seed only (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
