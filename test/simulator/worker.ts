import { retryAt } from '../../src/core/backoff.ts';
import type { Claim, WorkerIdentity } from '../../src/core/store.ts';
import type { Outcome } from '../../src/core/task.ts';
import { adopt } from '../../src/stores/adopt.ts';
import { claimTasks } from '../../src/stores/claims.ts';
import { finishClaimed, startClaimed } from '../../src/stores/leases.ts';
import { putSession } from '../../src/stores/sessions.ts';
import type { StoreParts } from '../../src/stores/transitions.ts';
import type { Work } from '../../src/stores/work.ts';
import { heartbeat, registerWorker } from '../../src/stores/workers.ts';
import { HERE } from '../../src/testing/store-fixture.ts';
import { LEASE_MS, NoAnswer, type World } from './world.ts';

const SLOTS = 2;
/** A third of the lease, so that a lost answer or two do not end it. */
const RENEW_MS = LEASE_MS / 3;
/** Within this of the lease's end nothing begins. */
const MARGIN_MS = 5000;

/** What a worker does is one of these at a time; between any two of them anything may happen. */
type Phase = 'claimed' | 'started' | 'watching' | 'judged';

interface Hand {
  readonly claim: Claim;
  phase: Phase;
}

/** One process. When it has crashed another one takes its name. */
export class Worker {
  /** Later than now while it is stopped. */
  wakesAtMs = 0;
  private renewedAtMs: number;
  private readonly identity: WorkerIdentity;
  private readonly world: World;
  private readonly parts: StoreParts;
  private readonly hands = new Map<number, Hand>();

  /** @throws {NoAnswer} */
  constructor(world: World, identity: WorkerIdentity) {
    this.world = world;
    this.identity = identity;
    this.parts = world.parts();
    this.renewedAtMs = world.nowMs;
    const { name, host, pid } = identity;
    this.askHeard(registerWorker(this.parts, identity, this.isAlive));
    for (let slot = 1; slot <= SLOTS; slot += 1) {
      const session = { host, kind: 'headless', provider: null, worker: name } as const;
      this.ask(putSession(this.parts, { name: `${name}/slot-${slot}`, ...session }));
    }
    world.alive.add(pid);
  }

  get isGone(): boolean {
    return !this.world.alive.has(this.identity.pid);
  }

  crash(): void {
    this.world.alive.delete(this.identity.pid);
  }

  /** Stopped, as by SIGSTOP. */
  freeze(): void {
    this.wakesAtMs = this.world.nowMs + this.world.random() * 3 * LEASE_MS;
  }

  /** One step; without faults, as many as there are to do with what it has. */
  act(): void {
    const { calm, nowMs, random } = this.world;
    if (this.wakesAtMs > nowMs) return;
    try {
      if (nowMs - this.renewedAtMs > RENEW_MS) this.renew();
      if (this.isGone) return;
      const hands = [...this.hands.values()];
      const hand = hands[this.world.pick(hands.length)];
      if (calm) for (const each of hands) this.goOn(each);
      if (!calm && hand && random() < 0.8) this.advance(hand);
      else this.take();
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
  }

  private readonly isAlive = ({ pid }: WorkerIdentity): boolean => this.world.alive.has(pid);

  private renew(): void {
    const { name } = this.identity;
    const sentAtMs = this.world.nowMs;
    const { kept } = this.askHeard(heartbeat(this.parts, name));
    if (!kept) {
      this.crash();
      return;
    }
    this.renewedAtMs = sentAtMs;
    if (this.asksInVain('adopt')) return;
    this.receive(this.ask(adopt(this.parts, name, this.isAlive)));
  }

  private take(): void {
    const room = SLOTS - this.hands.size;
    if (room <= 0 || this.asksInVain('claim')) return;
    this.receive(this.ask(claimTasks(this.parts, this.identity.name, room)));
    // where it matters most: it holds a task that has not started
    if (!this.world.calm && this.hands.size > 0 && this.world.random() < 0.05) this.freeze();
  }

  private receive(claims: readonly Claim[]): void {
    for (const claim of claims) {
      const phase = claim.task.state.name === 'running' ? 'started' : 'claimed';
      this.hands.set(claim.lease.taskId, { claim, phase });
    }
    this.parts.given.received(this.identity.name, claims);
  }

  /** Nothing can come of it: no task waits, or nobody else holds one. Most time would go into such questions. */
  private asksInVain(what: keyof typeof WORTH_ASKING): boolean {
    const { name, host } = this.identity;
    if (this.parts.given.isInDoubt(name)) return false;
    const epoch = this.parts.epochs.get(name) ?? 0;
    return (
      this.world.database.get(WORTH_ASKING[what], what === 'claim' ? { host } : { name, epoch }) === undefined
    );
  }

  private goOn(hand: Hand): void {
    for (
      let before: Phase | null = null;
      hand.phase !== before && this.hands.has(hand.claim.lease.taskId);
    ) {
      before = hand.phase;
      this.advance(hand);
    }
  }

  private advance(hand: Hand): void {
    const { taskId, attempt, fence } = hand.claim.lease;
    const key = `${taskId}-${attempt}`;
    const run = this.world.runs.get(key);
    switch (hand.phase) {
      case 'claimed':
        this.start(hand);
        return;
      case 'started':
        // the record is confirmed first
        if (this.world.nowMs - this.renewedAtMs > LEASE_MS - MARGIN_MS) hand.phase = 'claimed';
        else {
          if (!run) this.world.begin(key, { task: taskId, attempt, fence });
          hand.phase = 'watching';
        }
        return;
      case 'watching':
        if (run?.ended) hand.phase = 'judged';
        return;
      case 'judged':
        this.end(hand, { kind: 'succeeded' });
    }
  }

  private start(hand: Hand): void {
    const { lease } = hand.claim;
    const news = this.ask(startClaimed(this.parts, lease, HERE));
    if (news === 'lost') this.hands.delete(lease.taskId);
    else if (news === 'stop_requested') this.end(hand, { kind: 'cancelled', cause: 'before it started' });
    else hand.phase = 'started';
  }

  private end(hand: Hand, outcome: Outcome): void {
    const { lease, task } = hand.claim;
    const again = retryAt(outcome, 1, task.spec.queue, this.world.nowMs);
    this.ask(finishClaimed(this.parts, lease, { outcome, retryAtMs: again }));
    // another attempt of the task may be in its place by now
    if (this.hands.get(lease.taskId) === hand) this.hands.delete(lease.taskId);
  }

  /** A call that renews the lease. */
  private askHeard<T>(work: Work<T>): T {
    return this.ask(work, () => {
      const { name } = this.identity;
      const { contacts, nowMs } = this.world;
      const contact = { askedAtMs: nowMs, answeredAtMs: nowMs };
      contacts.set(name, [...(contacts.get(name) ?? []), contact]);
    });
  }

  private ask<T>(work: Work<T>, onCommit: () => void = () => {}): T {
    const answer = this.world.ask(this.identity.host, work);
    onCommit();
    if (this.world.losesAnswer()) {
      this.parts.given.answerLost(this.identity.name);
      throw new NoAnswer();
    }
    return answer;
  }
}

const WORTH_ASKING = {
  claim: `select 1 from tasks where host = :host and state = 'pending' and waiting_for = 0 limit 1`,
  adopt: `select 1 from tasks
    where state in ('assigned', 'running') and (worker <> :name or worker_epoch < :epoch) limit 1`,
} as const;
