import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deps } from '../../src/actions/deps.ts';
import type { TaskRequest } from '../../src/actions/task-spec.ts';
import { ANY_CONTAINER, type ContainerRequest, plainContext } from '../../src/core/context.ts';
import { wire } from '../../src/wiring.ts';
import { workerAnswers } from '../../src/worker/nudge.ts';

/** The built program, as `bench/run.mjs` made it. */
export const PROGRAM = process.env.BERTH_BENCH_PROGRAM ?? '';

/** A queue of its own, and a worker of the built program on it. */
export class Queue implements AsyncDisposable {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly deps: Deps;
  private worker: ChildProcess | null = null;

  private constructor(home: string) {
    this.home = home;
    this.env = { ...process.env, BERTH_HOME: home };
    this.deps = wire({ env: this.env, cwd: home, self: [process.execPath, PROGRAM] });
  }

  static async open(): Promise<Queue> {
    return new Queue(await realpath(await mkdtemp(join(tmpdir(), 'berth-bench-home-'))));
  }

  async startWorker(slots: number): Promise<void> {
    const worker = spawn(process.execPath, [PROGRAM, 'worker', '--slots', String(slots)], {
      env: this.env,
      cwd: this.home,
      stdio: 'ignore',
    });
    this.worker = worker;
    while (!(await workerAnswers(this.home, 'local'))) {
      if (worker.exitCode !== null) throw new Error(`the worker ended with ${worker.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stopWorker(): Promise<void> {
    const worker = this.worker;
    this.worker = null;
    if (!worker || worker.exitCode !== null) return;
    worker.kill('SIGTERM');
    await once(worker, 'exit');
  }

  /** CPU time that the worker and its ended tasks have used so far. */
  workerCpuMs(): { readonly own: number; readonly tasks: number } {
    const [own, tasks] = cpuMs(this.worker?.pid ?? 0);
    return { own, tasks };
  }

  /** Resolves once no task waits or runs. */
  async empty(): Promise<void> {
    const store = await this.deps.store();
    for (;;) {
      const { pending, assigned, running } = await store.counts();
      if (pending + assigned + running === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopWorker();
    await (await this.deps.store()).close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

const TICK_MS = 10;

/** CPU time of a process, and of its children that have ended, from /proc/PID/stat. */
export function cpuMs(pid: number | 'self'): readonly [own: number, children: number] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
  return [(utime + stime) * TICK_MS, (cutime + cstime) * TICK_MS];
}

/** A shell line for the host. */
export function lineTask(line: string, workdir: string): TaskRequest {
  return { payload: { kind: 'line', line }, context: plainContext(workdir), queue: {} };
}

/** An argument list for a container. */
export function containerTask(
  argv: readonly string[],
  workdir: string,
  container: Pick<ContainerRequest, 'type'> & Partial<ContainerRequest>,
): TaskRequest {
  const request: ContainerRequest = { ...ANY_CONTAINER, mode: 'explicit', ...container };
  const context = { ...plainContext(workdir), container: request };
  return { payload: { kind: 'argv', argv }, context, queue: {} };
}
