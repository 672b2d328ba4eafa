import type { ResolvedContext } from '../core/context.ts';
import type { Claim, Store, WorkerIdentity } from '../core/store.ts';
import type { Outcome, QueueRequest, TaskSpec } from '../core/task.ts';

/** One empty queue, and as many handles on it as a test wants; each stands for a process. */
export interface StoreFixture {
  open(): Promise<Store>;
  /** Let the store's clock go on. */
  advance(ms: number): void;
  dispose(): Promise<void>;
}

export interface Subject {
  fixture(): StoreFixture;
  store(): Store;
}

export function aTask(line = 'true', queue: Partial<QueueRequest> = {}): TaskSpec {
  return {
    payload: { kind: 'line', line },
    context: {
      host: 'local',
      workdir: '/work',
      env: {},
      prereqs: [],
      gitBranch: null,
      worktree: false,
      venv: { kind: 'off' },
      container: null,
    },
    queue: {
      priority: 5,
      timeoutMs: null,
      idleTimeoutMs: null,
      graceMs: 10_000,
      retries: 0,
      onLost: 'hold',
      delayMs: 0,
      key: null,
      group: null,
      after: [],
      target: null,
      providers: [],
      matchContext: true,
      ...queue,
    },
  };
}

export function aWorker(name: string, pid = 100): WorkerIdentity {
  return { name, host: 'local', pid, startTime: String(pid), bootId: 'boot' };
}

export const HERE: ResolvedContext = {
  host: 'local',
  dir: { host: '/work', target: '/app' },
  container: null,
  user: null,
  env: { STAGE: 'test' },
  toolchain: null,
  git: { root: '/work', branch: 'main', worktree: null, dirty: null },
  prereqs: [],
  warnings: [],
};

export const SUCCEEDED: Outcome = { kind: 'succeeded' };
export const FAILED: Outcome = { kind: 'failed', exitCode: 3, signal: null, oom: null, cause: null };
export const alive = () => true;
export const dead = () => false;

/** Register a worker with its slots, as a worker does at its start. */
export async function startWorker(store: Store, worker: WorkerIdentity, slots: number): Promise<void> {
  await store.registerWorker(worker, dead);
  for (let number = 1; number <= slots; number += 1) {
    await store.putSession({
      name: `${worker.name}/slot-${number}`,
      host: worker.host,
      kind: 'headless',
      provider: null,
      worker: worker.name,
    });
  }
}

export async function claimOne(store: Store, worker: string): Promise<Claim> {
  const [claim] = await store.claim(worker, 1);
  if (!claim) throw new Error('nothing was claimed');
  return claim;
}
