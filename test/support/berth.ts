import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { User } from './rootless.ts';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One queue of its own, and the built program working on it. */
export class Berth implements AsyncDisposable {
  readonly home = realpathSync(mkdtempSync(join(tmpdir(), 'berth-e2e-')));
  readonly env: Readonly<Record<string, string | undefined>>;
  private readonly as: User | undefined;

  /** @param as  who runs it, where that is somebody else */
  constructor(env: Readonly<Record<string, string | undefined>> = {}, as?: User) {
    this.env = { ...process.env, BERTH_HOME: this.home, ...env };
    this.as = as;
    if (as) chownSync(this.home, as.uid, as.gid);
  }

  /** Start the program; the caller waits for its end, or ends it. */
  start(args: readonly string[], cwd = this.home): ChildProcess {
    const [program = '', ...words] = [...(this.as?.prefix ?? []), process.execPath, '--', inject('program')];
    return spawn(program, [...words, ...args], { cwd, env: this.env, stdio: 'pipe' });
  }

  async run(args: readonly string[], cwd = this.home): Promise<Ended> {
    const child = this.start(args, cwd);
    child.stdin?.end();
    return endOf(child);
  }

  async json(args: readonly string[], cwd = this.home) {
    const [verb = '', ...rest] = args;
    const { stdout, stderr, code } = await this.run([verb, '--json', ...rest], cwd);
    if (stdout === '') throw new Error(`berth ${args.join(' ')} printed no JSON (exit ${code}): ${stderr}`);
    return JSON.parse(stdout);
  }

  /** Pid of the worker that was started in the background. */
  async up(...args: readonly string[]): Promise<number> {
    await this.run(['up', ...args]);
    const { workers } = await this.json(['status']);
    return workers[0].pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run(['down']);
    rmSync(this.home, { recursive: true, force: true });
  }
}

export async function endOf(child: ChildProcess): Promise<Ended> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (chunk) => out.push(chunk));
  child.stderr?.on('data', (chunk) => err.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

/** Wait for a condition, never for a time. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  patienceMs = 30_000,
  pauseMs = 20,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`Waited ${patienceMs / 1000} s in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
