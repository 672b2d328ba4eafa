import { messageOf } from '../core/errors.ts';
import type { Place } from '../core/runtime.ts';
import type { Claim } from '../core/store.ts';
import type { RunDeps } from './deps.ts';

interface Held {
  readonly claim: Claim;
  readonly place: Place;
  /** End what holds the run from here. */
  abandon(): Promise<void>;
}

/** With a stop that was ordered. */
export interface Patience {
  /** A stop has been ordered; again does nothing. */
  begin(): void;
  /** It was obeyed, or nothing runs any more. */
  end(): void;
}

/** How long after the grace a box may take to obey, before its engine is asked whether it answers at all. */
const UNOBEYED_MS = 15_000;

/** An engine that answers nothing carries no order and brings no end: then the run is abandoned. One that answers is waited for. */
export function patienceWith(deps: RunDeps, { claim, place, abandon }: Held): Patience {
  let timer: NodeJS.Timeout | null = null;
  let over = place.id === null || place.runtime === 'kubernetes';
  const later = (afterMs: number) => {
    timer = setTimeout(() => look().catch(failed), afterMs).unref();
  };
  const look = async () => {
    const { state, cause } = await deps.runtime(place.runtime).postmortem(deps.host, place);
    if (over) return;
    if (state !== 'unknown') return later(UNOBEYED_MS);
    deps.log({ event: 'abandoned', task: claim.task.id, ...(cause !== null && { message: cause }) });
    await abandon();
  };
  const failed = (error: unknown) =>
    deps.log({ event: 'stop_failed', task: claim.task.id, message: messageOf(error) });
  return {
    begin: () => {
      if (!over && timer === null) later(claim.task.spec.queue.graceMs + UNOBEYED_MS);
    },
    end: () => {
      over = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}
