import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { BerthError, messageOf } from '../core/errors.ts';
import { isSessionName } from '../core/session-name.ts';
import type { Claim, WorkerIdentity } from '../core/store.ts';
import type { StopReason } from '../core/task.ts';
import { forgetGoneSessions } from '../core/terminal.ts';
import type { RunDeps } from './deps.ts';
import { outcomeJournal } from './journal.ts';
import { WorkerLease } from './lease.ts';
import { forwardNotices } from './notices.ts';
import { listenForNudges } from './nudge.ts';
import { type RunningTask, runTask } from './run-task.ts';

export interface WorkerSettings {
  readonly name: string;
  /** Tasks at a time. */
  readonly slots: number;
  /** State folder, for the socket. */
  readonly home: string;
  /** Aborted: finish what is queued, then end. */
  readonly drain: AbortSignal;
}

const HEARTBEAT_MS = 5000;
/** The floor under lost nudges. */
const POLL_MS = 1000;

/**
 * Match and run tasks until the signal aborts: then nothing new starts, and what runs goes on without
 * us, to be taken over by the next worker of this name.
 *
 * @throws {BerthError} `WORKER_RUNNING` with the pid of the one that has the name; `BAD_DATA` when the database
 *         is damaged or was replaced: what runs goes on then as well
 */
export async function runWorker(
  given: RunDeps,
  settings: WorkerSettings,
  signal: AbortSignal,
): Promise<void> {
  const broken = new AbortController();
  const ending = AbortSignal.any([signal, broken.signal]);
  // every running task listens to it, and Node warns of more than ten
  setMaxListeners(0, ending);
  const { store, host } = given;
  const { shared } = await store.facts();
  const journal = outcomeJournal(settings.home);
  const deps: RunDeps = { ...given, journal, ...(shared && { lease: new WorkerLease() }) };
  const identity: WorkerIdentity = { name: settings.name, host: host.name, ...host.self };
  await store.registerWorker(identity, (holder) => host.isAlive(holder));
  await journal.payAll(store);
  const loop = new Loop(deps, settings, ending);
  const server = await listenForNudges(settings.home, settings.name, () => loop.nudged());
  deps.log({ event: 'worker_started', message: `pid ${host.self.pid}, ${settings.slots} slots` });
  try {
    for (let slot = 1; slot <= settings.slots; slot++) {
      await store.putSession(slotOf(settings, host.name, slot));
    }
    if (shared) void forwardNotices(store, ending, () => loop.nudged());
    await loop.run();
  } catch (error) {
    broken.abort();
    throw error;
  } finally {
    server.close();
    await loop.settled();
    await store.unregisterWorker(settings.name).catch((error) => {
      deps.log({ event: 'store_trouble', message: messageOf(error) });
    });
    deps.log({ event: 'worker_ended' });
  }
}

function slotOf({ name }: WorkerSettings, host: string, slot: number) {
  const prefix = name === host ? host : `${host}/${name}`;
  return { name: `${prefix}/slot-${slot}`, host, kind: 'headless' as const, provider: null, worker: name };
}

class Loop {
  private readonly running = new Map<number, RunningTask>();
  private readonly deps: RunDeps;
  private readonly settings: WorkerSettings;
  private readonly signal: AbortSignal;
  private wakeUp: () => void = () => {};
  private woken = false;
  private lookForStops = false;
  /** Terminal sessions, as the last heartbeat found them. */
  private terminalsLeft = 0;
  private beatAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: RunDeps, settings: WorkerSettings, signal: AbortSignal) {
    this.deps = deps;
    this.settings = settings;
    this.signal = signal;
  }

  /** Somebody sent, cancelled or changed something. */
  nudged(): void {
    this.lookForStops = true;
    this.wake();
  }

  wake(): void {
    this.woken = true;
    this.wakeUp();
  }

  take(claim: Claim): void {
    const task = runTask(this.deps, claim, this.signal);
    this.running.set(claim.lease.taskId, task);
    void task.done.then(() => {
      // another attempt may be in its place, when this one was given up as lost meanwhile
      if (this.running.get(claim.lease.taskId) === task) this.running.delete(claim.lease.taskId);
      this.wake();
    });
  }

  async run(): Promise<void> {
    while (!this.signal.aborted) {
      this.woken = false;
      const kept = await this.round().catch((error) => this.trouble(error));
      if (!kept) return;
      if (this.settings.drain.aborted && this.running.size === 0 && !(await this.hasPending())) return;
      await this.sleep();
    }
  }

  async settled(): Promise<void> {
    await Promise.all([...this.running.values()].map((task) => task.done));
  }

  /** False when another process has this worker's name now. */
  private async round(): Promise<boolean> {
    const { store, lease } = this.deps;
    const { name, slots } = this.settings;
    // a clock that only goes forward: one that is set back must not stop the renewals
    const due = performance.now() - this.beatAtMs >= HEARTBEAT_MS;
    const beat = due || this.lookForStops;
    this.lookForStops = false;
    const sentAtMs = lease?.now() ?? 0;
    if (lease && !lease.isSafe()) for (const task of this.running.values()) task.fence();
    const room = this.room(slots);
    // asked in one turn, so that they share one commit
    const [news, claims] = await Promise.all([
      beat ? store.heartbeat(name) : null,
      room > 0 ? store.claim(name, room) : [],
    ]);
    for (const claim of claims) this.take(claim);
    if (news === null) return true;
    // nudges may come faster than that for ever, and what dead processes left must be looked at all the same
    if (due) this.beatAtMs = performance.now();
    if (news.kept) lease?.renewed(sentAtMs);
    for (const { taskId, reason } of news.stops) this.stop(taskId, reason);
    if (!news.kept) this.deps.log({ event: 'name_lost', message: `another process is worker ${name} now` });
    else if (due) {
      await this.adopt();
      await this.forgetGone();
      this.deps.containers?.follow(await store.sessions());
    }
    return news.kept;
  }

  /** What dead processes of this host left: earlier workers, and foreground runs that were killed. */
  async adopt(): Promise<void> {
    const { store, host } = this.deps;
    for (const claim of await store.adopt(this.settings.name, (holder) => host.isAlive(holder)))
      this.take(claim);
  }

  /** How many more tasks may be taken. A terminal is a place of its own: its task takes up no slot. */
  private room(slots: number): number {
    const inSlots = [...this.running.values()].filter(({ claim }) => !isSessionName(claim.lease.session));
    return Math.max(0, slots - inSlots.length) + this.terminalsLeft;
  }

  /** Terminal sessions that their user has closed. */
  private async forgetGone(): Promise<void> {
    const { store, host, terminals } = this.deps;
    if (!terminals) return;
    const { gone, left } = await forgetGoneSessions(store, terminals, host.name);
    this.terminalsLeft = left;
    for (const name of gone) {
      this.deps.log({ event: 'session_gone', message: name });
    }
  }

  private stop(taskId: number, reason: StopReason): void {
    const task = this.running.get(taskId);
    if (task && task.stopping === null) task.stop(reason);
  }

  private async hasPending(): Promise<boolean> {
    const { pending } = await this.deps.store.counts();
    return pending > 0;
  }

  /** A store that fails now (locked, disk full) may answer later; a damaged one must not be written to again. */
  private async trouble(error: unknown): Promise<boolean> {
    this.deps.log({ event: 'store_trouble', message: messageOf(error) });
    if (error instanceof BerthError && error.code === 'BAD_DATA') throw error;
    return true;
  }

  private async sleep(): Promise<void> {
    if (this.woken || this.signal.aborted) return;
    const waking = new AbortController();
    this.wakeUp = () => waking.abort();
    // a jitter keeps the workers of one queue apart
    const poll = POLL_MS * (0.75 + Math.random() / 2);
    const stop = () => waking.abort();
    const ends = [this.signal, this.settings.drain];
    for (const end of ends) end.addEventListener('abort', stop, { once: true });
    await delay(poll, undefined, { signal: waking.signal }).catch(() => {});
    for (const end of ends) end.removeEventListener('abort', stop);
  }
}
