import { messageOf } from '../core/errors.ts';
import type { Place } from '../core/runtime.ts';
import type { Claim } from '../core/store.ts';
import type { StopReason } from '../core/task.ts';
import type { TurnEnd } from './agent-turn.ts';
import type { RunDeps } from './deps.ts';
import { type IdleWatch, watchSilence } from './idle.ts';
import { type Patience, patienceWith } from './patience.ts';
import { executorOf } from './session-place.ts';

/** Turns reasons to stop into orders: from a request, or from the task's own time limit. */
export class StopControl {
  reason: StopReason | null = null;
  /** With a stop that was ordered; null before the run is there. */
  private patience: Patience | null = null;
  /** How the attempt ends when its lease was about to end; null while it holds. */
  cutOff: TurnEnd | null = null;
  private timer: NodeJS.Timeout | null = null;
  private silence: IdleWatch | null = null;
  private readonly deps: RunDeps;
  private readonly claim: Claim;

  constructor(deps: RunDeps, claim: Claim) {
    this.deps = deps;
    this.claim = claim;
  }

  ask(reason: StopReason): void {
    this.reason ??= reason;
    if (this.patience === null) return;
    this.patience.begin();
    executorOf(this.deps, this.claim)
      .stop(this.claim.attempt.runDirectory)
      .catch((error) => this.failed(error));
  }

  fence(): void {
    if (this.claim.task.spec.queue.onLost !== 'retry' || this.cutOff !== null) return;
    const cause = 'The worker was cut off from the queue, and stopped it so that another one may run it.';
    this.cutOff = { outcome: { kind: 'lost', cause }, againAtMs: null };
    this.ask('cancelled');
  }

  /** The run is there: the limits count, and earlier requests reach it. */
  runs(place: Place): void {
    const { deps, claim } = this;
    const abandon = async () => executorOf(deps, claim).abandon?.(claim.attempt.runDirectory);
    this.patience = patienceWith(deps, { claim, place, abandon });
    const { timeoutMs, idleTimeoutMs } = this.claim.task.spec.queue;
    if (this.reason !== null) this.ask(this.reason);
    const since = this.claim.attempt.startedAtMs ?? this.deps.now();
    if (idleTimeoutMs !== null) this.watchSilence(idleTimeoutMs, since);
    if (timeoutMs === null) return;
    const left = Math.max(0, since + timeoutMs - this.deps.now());
    // Node fires timers beyond 2^31 ms at once
    this.timer = setTimeout(() => this.ask('timed_out'), Math.min(left, 2 ** 31 - 1));
    this.timer.unref();
  }

  private watchSilence(limitMs: number, sinceMs: number): void {
    const { deps, claim } = this;
    this.silence = watchSilence({
      limitMs,
      sinceMs,
      lastOutputMs: () => deps.lastOutputMs(claim.attempt.runDirectory),
      now: deps.now,
      onIdle: () => this.ask('idle'),
    });
  }

  ended(): void {
    this.silence?.end();
    this.patience?.end();
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private failed(error: unknown): void {
    this.deps.log({ event: 'stop_failed', task: this.claim.task.id, message: messageOf(error) });
  }
}
