import type { Pausable, ProviderLimit } from './store.ts';

/** A provider that takes no prompts now; no limit: somebody paused it. */
export interface PausedProvider {
  readonly name: string;
  readonly limit: ProviderLimit | null;
}

/** @param nowMs  Unix milliseconds; a limit that has ended counts no more */
export function pausedProviders(pauses: readonly Pausable[], nowMs: number): readonly PausedProvider[] {
  return pauses.flatMap((one) =>
    one.kind === 'provider' && (one.limit === null || one.limit.untilMs > nowMs) ? [one] : [],
  );
}
