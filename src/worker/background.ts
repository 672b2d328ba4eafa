import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BerthError } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import type { Store, WorkerRow } from '../core/store.ts';
import { workerAnswers } from './nudge.ts';

export interface BackgroundDeps {
  readonly store: Store;
  readonly host: Host;
  readonly home: string;
  /** Starts berth again: the Node program and the script. */
  readonly self: readonly string[];
}

export interface WorkerWish {
  readonly name: string;
  readonly slots: number;
  readonly drain: boolean;
}

const START_MS = 15_000;
const STOP_MS = 30_000;
const LOOK_MS = 20;

/** Start a worker that outlives us, and wait until it takes nudges. */
export async function startInBackground(deps: BackgroundDeps, wish: WorkerWish) {
  const { host, home, store } = deps;
  const there = await liveWorker(deps, wish.name);
  if (there) return { name: wish.name, pid: there.pid, started: false };
  const log = join(home, 'worker.log');
  const argv = [
    ...deps.self,
    'worker',
    '--name',
    wish.name,
    '--slots',
    String(wish.slots),
    ...(wish.drain ? ['--drain'] : []),
  ];
  const launched = await host.launch(
    { argv, cwd: home, env: { BERTH_HOME: home } },
    { stdout: log, stderr: log },
  );
  let ended = false;
  void launched.ended.then(() => {
    ended = true;
  });
  for (const deadline = Date.now() + START_MS; Date.now() < deadline && !ended; await delay(LOOK_MS)) {
    const worker = await liveWorker({ host, store }, wish.name);
    if (worker && (await workerAnswers(home, wish.name))) {
      // of two that were started at once, one has the name
      return { name: wish.name, pid: worker.pid, started: worker.pid === launched.pid };
    }
  }
  throw new BerthError(`The worker ${wish.name} did not come up within ${START_MS / 1000} s.`, {
    code: 'TRY_AGAIN',
    hint: `Its last words are in ${log}.`,
  });
}

/** Stop a worker and wait until it is gone. What it runs goes on, to be taken over by the next one. */
export async function stopInBackground(deps: BackgroundDeps, wish: { name: string; drain: boolean }) {
  const worker = await liveWorker(deps, wish.name);
  if (!worker) return { name: wish.name, pid: null, stopped: false };
  deps.host.signal(worker.pid, wish.drain ? 'SIGUSR2' : 'SIGTERM');
  const deadline = wish.drain ? Number.POSITIVE_INFINITY : Date.now() + STOP_MS;
  while (deps.host.isAlive(worker)) {
    if (Date.now() > deadline) {
      throw new BerthError(
        `Worker ${wish.name} (pid ${worker.pid}) did not end within ${STOP_MS / 1000} s.`,
        {
          code: 'TRY_AGAIN',
          hint: `\`kill -KILL ${worker.pid}\` is safe: its tasks go on, and the next worker takes them over.`,
        },
      );
    }
    await delay(LOOK_MS);
  }
  return { name: wish.name, pid: worker.pid, stopped: true };
}

async function liveWorker(
  deps: Pick<BackgroundDeps, 'store' | 'host'>,
  name: string,
): Promise<WorkerRow | null> {
  const worker = (await deps.store.workers()).find((row) => row.name === name && row.host === deps.host.name);
  return worker && deps.host.isAlive(worker) ? worker : null;
}
