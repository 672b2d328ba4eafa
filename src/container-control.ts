import type { ContainerControl } from './actions/deps.ts';
import type { Host } from './core/host.ts';
import { stopContainer } from './runtimes/containers.ts';
import { execInContainer } from './runtimes/exec-container.ts';
import { startKept, stayWith } from './runtimes/start-container.ts';

/** Containers of the local engines, for people who ask for them by hand. */
export function containerControl(host: Host): ContainerControl {
  return {
    start: (wish) => startKept(host, wish),
    exec: (wish) => execInContainer(host, wish),
    stop: (container, options) => stopContainer(host, container, options),

    async stay(wish, write) {
      const leaving = new AbortController();
      const leave = () => leaving.abort();
      // from before the start, so that none is left of one that was on its way
      for (const name of SIGNALS) process.on(name, leave);
      try {
        return await stayWith(host, await startKept(host, wish), { write, signal: leaving.signal });
      } finally {
        for (const name of SIGNALS) process.off(name, leave);
      }
    },
  };
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
