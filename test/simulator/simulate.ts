import { retryAt } from '../../src/core/backoff.ts';
import type { Claim, WorkerIdentity } from '../../src/core/store.ts';
import type { Outcome } from '../../src/core/task.ts';
import { adopt } from '../../src/stores/adopt.ts';
import { claimTasks } from '../../src/stores/claims.ts';
import type { Database } from '../../src/stores/driver.ts';
import { GivenClaims } from '../../src/stores/given.ts';
import { finishClaimed, startClaimed } from '../../src/stores/leases.ts';
import { putSession, setGroup } from '../../src/stores/sessions.ts';
import { addTask, readEvents, requestStop } from '../../src/stores/tasks.ts';
import { drive } from '../../src/stores/transactions.ts';
import type { StoreParts } from '../../src/stores/transitions.ts';
import { SQLITE, type Work } from '../../src/stores/work.ts';
import { heartbeat, registerWorker } from '../../src/stores/workers.ts';
import { aTask, HERE } from '../../src/testing/store-fixture.ts';
import { type Trace, violations } from '../chaos/check.ts';

const LEASE_MS = 30_000;
const GROUP_LIMIT = 2;
/** What a worker does is one of these at a time; between any two of them anything may happen. */
type Phase = 'claimed' | 'started' | 'watching' | 'judged';

interface Hand {
  readonly claim: Claim;
  phase: Phase;
}

interface Run {
  readonly trace: Omit<Trace, 'kind' | 'atMs'>;
  ended: boolean;
}

interface Process {
  readonly identity: WorkerIdentity;
  readonly parts: StoreParts;
  readonly hands: Map<number, Hand>;
  /** Wakes up at this time; later than now while it is stopped. */
  wakesAtMs: number;
  renewedAtMs: number;
}

/**
 * One history of the queue's real rules on a clock and with faults that the seed decides: workers on three hosts
 * crash, are stopped and cut off at any step, answers get lost after their commit, and time jumps.
 *
 * @param database  with our tables; emptied first
 * @returns what must never happen, and did
 */
export function simulate(database: Database, seed: number): readonly string[] {
  const world = new World(database, seed);
  for (let step = 0; step < 100; step += 1) world.step();
  world.settle();
  return world.check();
}

class World {
  private nowMs = 1_000_000;
  private readonly random: () => number;
  private readonly processes: (Process | null)[] = [null, null, null, null];
  private readonly cutUntilMs = new Map<string, number>();
  private readonly runs = new Map<string, Run>();
  private readonly traces: Trace[] = [];
  private readonly ids: number[] = [];
  private readonly parents = new Map<number, readonly number[]>();
  private readonly grouped: number[] = [];
  private readonly heardMs = new Map<string, number[]>();
  private readonly alive = new Set<number>();
  private pids = 0;
  private calm = false;
  private readonly database: Database;

  constructor(database: Database, seed: number) {
    this.database = database;
    this.random = generator(seed);
    database.exec(
      'delete from sessions; delete from tasks; delete from workers; delete from groups; delete from pauses',
    );
    this.commit(setGroup('g', GROUP_LIMIT));
  }

  step(): void {
    this.nowMs += Math.floor(this.random() * 1500);
    const dice = this.random();
    if (dice < 0.12) this.send();
    else if (dice < 0.15) this.fault();
    else if (dice < 0.17) this.cancel();
    else if (dice < 0.35) this.endRun();
    else this.act(this.pick(this.processes.length));
  }

  /** No more faults, until everything has ended. */
  settle(): void {
    this.calm = true;
    this.cutUntilMs.clear();
    const left = `select 1 from tasks where state <> 'finished' limit 1`;
    for (let round = 0; round < 1000 && this.database.get(left) !== undefined; round += 1) {
      this.nowMs += 2500;
      this.endRun();
      for (let at = 0; at < this.processes.length; at += 1) this.act(at);
    }
  }

  check(): readonly string[] {
    const events = new Map(this.ids.map((id) => [id, drive(this.database, readEvents(id))]));
    return violations({
      acknowledged: this.ids,
      events,
      traces: this.traces,
      parents: this.parents,
      group: { limit: GROUP_LIMIT, tasks: this.grouped },
      heard: { leaseMs: LEASE_MS, atMs: this.heardMs },
    });
  }

  private send(): void {
    const parent = this.random() < 0.3 ? this.ids[this.pick(this.ids.length)] : undefined;
    const group = this.random() < 0.4 ? 'g' : null;
    const task = aTask('x', { onLost: 'retry', retries: 1000, after: parent ? [parent] : [], group });
    const host = `host-${this.pick(3)}`;
    const { id } = this.commit(addTask(this.clock(), { ...task, context: { ...task.context, host } }));
    this.ids.push(id);
    if (parent) this.parents.set(id, [parent]);
    if (group) this.grouped.push(id);
  }

  private cancel(): void {
    const taskId = this.ids[this.pick(this.ids.length)];
    if (taskId) this.commit(requestStop(this.clock(), { taskId, reason: 'cancelled', by: 'someone' }));
  }

  private fault(): void {
    const at = this.pick(this.processes.length);
    const process = this.processes[at];
    const kind = this.pick(4);
    if (kind === 0 && process) this.crash(at, process);
    if (kind === 1 && process) process.wakesAtMs = this.nowMs + this.random() * 3 * LEASE_MS;
    if (kind === 2) this.cutUntilMs.set(`host-${this.pick(3)}`, this.nowMs + this.random() * 3 * LEASE_MS);
    if (kind === 3) this.nowMs += Math.floor(this.random() * 2 * LEASE_MS);
  }

  private crash(at: number, { identity }: Process): void {
    this.alive.delete(identity.pid);
    this.processes[at] = null;
  }

  /** A run ends by itself, whoever watches it. */
  private endRun(): void {
    const running = [...this.runs.values()].filter(({ ended }) => !ended);
    const run = running[this.pick(running.length)];
    if (!run) return;
    run.ended = true;
    this.traces.push({ kind: 'end', ...run.trace, atMs: this.nowMs });
  }

  private act(at: number): void {
    const process = this.processes[at] ?? this.begin(at);
    if (!process || process.wakesAtMs > this.nowMs) return;
    try {
      const hands = [...process.hands.values()];
      if (this.nowMs - process.renewedAtMs > 5000 || hands.length === 0) this.renew(process, at);
      const hand = hands[this.pick(hands.length)];
      if (hand && this.random() < 0.8) this.advance(process, hand);
      else this.take(process);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
  }

  private begin(at: number): Process | null {
    this.pids += 1;
    const name = `w${at}`;
    const identity = { name, host: `host-${at % 3}`, pid: this.pids, startTime: '1', bootId: 'b' };
    const parts = this.clock();
    const process = { identity, parts, hands: new Map(), wakesAtMs: 0, renewedAtMs: this.nowMs };
    try {
      this.ask(process, registerWorker(parts, identity, this.isAlive), true);
      for (const slot of [1, 2]) {
        const session = {
          name: `${name}/slot-${slot}`,
          host: identity.host,
          kind: 'headless',
          provider: null,
          worker: name,
        } as const;
        this.ask(process, putSession(parts, session));
      }
    } catch (error) {
      if (error instanceof NoAnswer) return null;
      throw error;
    }
    this.alive.add(identity.pid);
    this.processes[at] = process;
    return process;
  }

  private readonly isAlive = ({ pid }: WorkerIdentity): boolean => this.alive.has(pid);

  private renew(process: Process, at: number): void {
    const { name } = process.identity;
    const sentAtMs = this.nowMs;
    const { kept } = this.ask(process, heartbeat(process.parts, name), true);
    if (!kept) {
      this.crash(at, process);
      return;
    }
    process.renewedAtMs = sentAtMs;
    for (const claim of this.ask(process, adopt(process.parts, name, this.isAlive))) {
      process.hands.set(claim.lease.taskId, {
        claim,
        phase: claim.task.state.name === 'running' ? 'started' : 'claimed',
      });
      process.parts.given.received(name, [claim]);
    }
  }

  private take(process: Process): void {
    const room = 2 - process.hands.size;
    if (room <= 0) return;
    for (const claim of this.ask(process, claimTasks(process.parts, process.identity.name, room))) {
      process.hands.set(claim.lease.taskId, {
        claim,
        phase: claim.task.state.name === 'running' ? 'started' : 'claimed',
      });
      process.parts.given.received(process.identity.name, [claim]);
    }
  }

  private advance(process: Process, hand: Hand): void {
    const { lease } = hand.claim;
    const { taskId, attempt, fence } = lease;
    const key = `${taskId}-${attempt}`;
    const run = this.runs.get(key);
    switch (hand.phase) {
      case 'claimed': {
        const news = this.ask(process, startClaimed(process.parts, lease, HERE));
        if (news === 'lost') process.hands.delete(taskId);
        else if (news === 'stop_requested')
          this.end(process, hand, { kind: 'cancelled', cause: 'before it started' });
        else hand.phase = 'started';
        return;
      }
      case 'started':
        // within the margin of the lease nothing begins; the record is confirmed first
        if (this.nowMs - process.renewedAtMs > LEASE_MS - 5000) hand.phase = 'claimed';
        else {
          if (!run) {
            this.runs.set(key, { trace: { task: taskId, attempt, fence }, ended: false });
            this.traces.push({ kind: 'begin', task: taskId, attempt, fence, atMs: this.nowMs });
          }
          hand.phase = 'watching';
        }
        return;
      case 'watching':
        if (run?.ended) hand.phase = 'judged';
        return;
      case 'judged':
        this.end(process, hand, { kind: 'succeeded' });
    }
  }

  private end(process: Process, hand: Hand, outcome: Outcome): void {
    const { claim } = hand;
    const again = retryAt(outcome, 1, claim.task.spec.queue, this.nowMs);
    this.ask(process, finishClaimed(process.parts, claim.lease, { outcome, retryAtMs: again }));
    // another attempt of the task may be in its place by now
    if (process.hands.get(claim.lease.taskId) === hand) process.hands.delete(claim.lease.taskId);
  }

  /** A call to the database: it may fail before its commit, or lose its answer after it. */
  private ask<T>(process: Process, work: Work<T>, renews = false): T {
    const { name, host } = process.identity;
    if (this.nowMs < (this.cutUntilMs.get(host) ?? 0)) throw new NoAnswer();
    const answer = this.commit(work);
    const { given } = process.parts;
    if (renews) this.heardMs.set(name, [...(this.heardMs.get(name) ?? []), this.nowMs]);
    if (!this.calm && this.random() < 0.03) {
      given.answerLost(name);
      throw new NoAnswer();
    }
    return answer;
  }

  private commit<T>(work: Work<T>): T {
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

  private clock(): StoreParts {
    return {
      dialect: SQLITE,
      leaseMs: LEASE_MS,
      now: () => this.nowMs,
      given: new GivenClaims(),
      epochs: new Map(),
      steady: new Map(),
    };
  }

  private pick(count: number): number {
    return Math.floor(this.random() * count);
  }
}

class NoAnswer extends Error {}

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
