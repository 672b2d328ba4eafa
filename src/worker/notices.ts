import type { Store } from '../core/store.ts';

/** In a queue that machines share, what changes on another one is told by the store; sockets end at the machine. */
export async function forwardNotices(store: Store, signal: AbortSignal, onNotice: () => void): Promise<void> {
  while (!signal.aborted) {
    await store.changed(signal);
    if (!signal.aborted) onNotice();
  }
}
