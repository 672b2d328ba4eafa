import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Outcome } from '../../src/core/task.ts';
import type { RunElsewhere, RunResult, RunsUnderTest, RunWish } from '../../src/testing/run-contract.ts';
import type { Berth } from './berth.ts';
import type { Box } from './boxes.ts';

type Wish = Pick<RunWish, 'payload' | 'env'>;

/** Runs of the built program, in processes that may be killed; those of the queue share a worker, and its end. */
export class RunsElsewhere {
  private readonly berth: Berth;
  private readonly box: Box;
  private readonly way: RunsUnderTest['way'];
  private worker: Promise<number> | null = null;

  constructor(berth: Berth, box: Box, way: RunsUnderTest['way']) {
    this.berth = berth;
    this.box = box;
    this.way = way;
  }

  /** `berth run` as a process. */
  async run(wish: Wish): Promise<RunElsewhere> {
    const mark = wish.env?.MARK_OF_TEST ?? '';
    const child = this.berth.start(['run', ...this.box.options, ...variables(wish), '--', ...words(wish)]);
    const said: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => said.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
    return {
      said: async () => Buffer.concat(said).toString(),
      kill: async () => void child.kill('SIGKILL'),
      afterwards: async () => {
        const rows: { id: number; content: string }[] = await this.berth.json(['list']);
        const id = rows.find(({ content }) => content.includes(mark))?.id ?? 0;
        await this.up();
        return this.endOf(id);
      },
    };
  }

  /** A task of a worker in the background. */
  async send(wish: Wish): Promise<RunElsewhere> {
    const { berth } = this;
    await this.up();
    const session = this.way === 'tmux' ? `session-${randomBytes(4).toString('hex')}` : null;
    if (session !== null) await this.newSession(session);
    const target = session === null ? [] : ['--target', session];
    const sent = ['send', ...target, ...this.box.options, ...variables(wish), '--', ...words(wish)];
    const { id } = await berth.json(sent);
    return {
      said: async () => (await this.log(id, 'out.log')).toString(),
      kill: () => this.killWorker(),
      afterwards: async () => {
        await this.up();
        const result = await this.endOf(id);
        if (session !== null) await berth.run(['session', 'rm', session]);
        return result;
      },
    };
  }

  private async newSession(name: string): Promise<void> {
    const { code, stderr } = await this.berth.run(['session', 'new', name]);
    if (code !== 0) throw new Error(`berth session new ended with ${code}: ${stderr}`);
  }

  private up(): Promise<number> {
    this.worker ??= this.berth.up('--slots', '8');
    return this.worker;
  }

  /** Once, for all that it holds. */
  private async killWorker(): Promise<void> {
    const { worker } = this;
    this.worker = null;
    if (worker !== null) process.kill(await worker, 'SIGKILL');
  }

  private async endOf(id: number): Promise<RunResult> {
    await this.berth.run(['wait', String(id)]);
    const view = await this.berth.json(['show', String(id)]);
    const outcome = { kind: view.outcome, exitCode: view.exit_code, cause: view.cause } as unknown as Outcome;
    return { outcome, stdout: await this.log(id, 'out.log'), stderr: await this.log(id, 'err.log') };
  }

  private log(id: number, name: string): Promise<Buffer> {
    return readFile(join(this.berth.home, 'runs', `${id}-1`, name)).catch(() => Buffer.alloc(0));
  }
}

function variables({ env = {} }: Wish): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
}

function words({ payload }: Wish): readonly string[] {
  if (payload.kind === 'argv') return payload.argv;
  return ['sh', '-c', payload.kind === 'line' ? payload.line : payload.text];
}
