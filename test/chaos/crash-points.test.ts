import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { openSqliteStore } from '../../src/stores/sqlite.ts';
import { Berth, type Ended, endOf } from '../support/berth.ts';

/** How often the program is killed; CI takes two hundred (BERTH_TEST_CRASH_POINTS). */
const POINTS = Number(process.env.BERTH_TEST_CRASH_POINTS ?? 12);
/** Queues that this happens to side by side. */
const LANES = 3;
const TASKS = 6;

const strace = hasStrace();
if (!strace && process.env.BERTH_TEST_CRASH_POINTS)
  throw new Error(
    'BERTH_TEST_CRASH_POINTS needs strace, which kills the program at its nth wait for the disk.',
  );

describe.skipIf(!strace)(
  `killed at the nth wait for the disk${strace ? '' : ' [left out: no strace]'}`,
  () => {
    test(
      `${POINTS} times, while it sends, works and recovers, it loses nothing and runs nothing twice`,
      async () => {
        const lanes = Array.from({ length: LANES }, () => new Lane());
        const killed = { send: 0, worker: 0, recovery: 0 };
        const left = () => POINTS - killed.send - killed.worker - killed.recovery;
        await Promise.all(
          lanes.map(async (lane) => {
            await using _ = lane.berth;
            while (left() > 0) for (const what of await lane.round()) killed[what] += 1;
          }),
        );

        process.stderr.write(`  ${POINTS - left()} crash points: ${JSON.stringify(killed)}\n`);
      },
      60_000 + POINTS * 20_000,
    );
  },
);

type Victim = 'send' | 'worker' | 'recovery';

/** A queue that gets six tasks at a time. */
class Lane {
  readonly berth = new Berth();
  private rounds = 0;
  /** Where each is killed next, from its first wait for the disk to its last. */
  private readonly nth: Record<Victim, number> = { send: 1, worker: 1, recovery: 1 };

  /** @returns who was killed */
  async round(): Promise<readonly Victim[]> {
    this.rounds += 1;
    const killed: Victim[] = [];
    const killedAt = { ...this.nth };
    const attempt = async (who: Victim, args: readonly string[]): Promise<Ended> => {
      const ended = await this.killedAtSync(this.nth[who], args);
      if (ended.code !== 0) killed.push(who);
      this.nth[who] = ended.code === 0 ? 1 : this.nth[who] + 1;
      return ended;
    };
    const batch = this.batch();
    const first = await attempt('send', batch);
    const added = await this.berth.json(batch);
    // what was acknowledged before the kill is there, under the same id
    if (first.code === 0)
      expect(added).toEqual(JSON.parse(first.stdout).map((one: object) => ({ ...one, created: false })));
    await attempt('worker', WORK);
    await attempt('recovery', WORK);
    expect((await this.berth.run(WORK)).code).toBe(0);
    const ids = added.map(({ id }: { readonly id: number }) => id);
    expect({ killedAt, ...(await this.afterwards(ids)) }).toEqual({
      killedAt,
      ran: ids.map((_: number, at: number) => `${this.rounds}-${at}`),
      outcomes: ids.map(() => 'succeeded'),
      problems: [],
    });
    return killed;
  }

  private batch(): readonly string[] {
    const path = join(this.berth.home, 'batch.jsonl');
    const lines = Array.from({ length: TASKS }, (_, at) => {
      const name = `${this.rounds}-${at}`;
      // some still run when their worker is killed
      return JSON.stringify({ command: `sleep 0.0${at * 3}; echo ${name} >> proof`, key: name });
    });
    writeFileSync(path, `${lines.join('\n')}\n`);
    return ['send', '--batch', path, '--json'];
  }

  private killedAtSync(nth: number, args: readonly string[]): Promise<Ended> {
    const fault = `inject=fdatasync,fsync:signal=SIGKILL:when=${nth}`;
    const argv = ['-qq', '-o', '/dev/null', '-e', 'trace=fdatasync,fsync', '-e', fault, process.execPath];
    const { home: cwd, env } = this.berth;
    return endOf(spawn('strace', [...argv, inject('program'), ...args], { cwd, env }));
  }

  /** What tasks left behind, how they ended, and what the queue and SQLite's own check find wrong. */
  private async afterwards(ids: readonly number[]) {
    const proof = readFileSync(join(this.berth.home, 'proof'), 'utf8').split('\n');
    await using store = await openSqliteStore({ directory: this.berth.home });
    const tasks = await store.tasks({ ids, limit: TASKS });
    return {
      ran: proof.filter((line) => line.startsWith(`${this.rounds}-`)).sort(),
      outcomes: tasks.map(({ state }) => (state.name === 'finished' ? state.outcome.kind : state.name)),
      problems: await store.problems(),
    };
  }
}

const WORK = ['worker', '--drain', '--slots', '2'];

function hasStrace(): boolean {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
