import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { openDatabase } from '../../src/stores/driver.ts';
import { Berth, until } from '../support/berth.ts';

/** How often the program is killed; CI takes two hundred. */
const POINTS = Number(process.env.BERTH_TEST_CRASH_POINTS ?? 8);
const TASKS = 6;

function hasStrace(): boolean {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let berth: Berth;
beforeEach(() => {
  berth = new Berth();
});
afterEach(() => berth[Symbol.asyncDispose]());

/** Run the program, and kill it at its nth wait for the disk. @returns false when it needed fewer */
async function killedAtSync(
  nth: number,
  args: readonly string[],
): Promise<{ killed: boolean; stdout: string }> {
  const faults = ['-e', 'trace=fdatasync,fsync', '-e', `inject=fdatasync,fsync:signal=SIGKILL:when=${nth}`];
  const child = spawn(
    'strace',
    ['-f', '-qq', '-o', '/dev/null', ...faults, process.execPath, inject('program'), ...args],
    { cwd: berth.home, env: berth.env, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let stdout = '';
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  // runs go on when their worker is killed, and strace with them
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { killed: code !== 0, stdout };
}

function integrity(): unknown {
  const database = openDatabase(join(berth.home, 'berth.db'), { readOnly: true });
  const answer = database.get<{ integrity_check: string }>('PRAGMA integrity_check')?.integrity_check;
  database.close();
  return answer;
}

describe.skipIf(!hasStrace())(
  `killed at the nth wait for the disk${hasStrace() ? '' : ' [left out: no strace]'}`,
  () => {
    test(
      `${POINTS} times in the middle of its work, a worker loses nothing and runs nothing twice`,
      async () => {
        const proof = join(berth.home, 'proof');
        for (let point = 0, nth = 1; point < POINTS; point += 1) {
          const sent: number[] = [];
          for (let count = 0; count < TASKS; count += 1) {
            const { stdout } = await berth.run(['send', `echo ${point}-${count} >> ${proof}`]);
            sent.push(Number(stdout));
          }

          const { killed } = await killedAtSync(nth, ['worker', '--drain', '--slots', '2']);
          await berth.run(['worker', '--drain', '--slots', '2']);
          await until('all have ended', async () => (await berth.json(['status'])).tasks.running === 0);

          const lines = readFileSync(proof, 'utf8')
            .split('\n')
            .filter((line) => line.startsWith(`${point}-`));
          expect([nth, [...lines].sort()]).toEqual([nth, sent.map((_, at) => `${point}-${at}`)]);
          expect((await berth.run(['wait', ...sent.map(String)])).code).toBe(0);
          expect((await berth.run(['fsck'])).stdout).toContain('all is well');
          expect(integrity()).toBe('ok');
          nth = killed ? nth + 1 : 1;
        }
      },
      POINTS * 60_000,
    );

    test('killed while it sends, it has stored the task or not, and sending again gives the one task', async () => {
      for (let nth = 1; nth <= 6; nth += 1) {
        const { killed, stdout } = await killedAtSync(nth, ['send', '--key', `k${nth}`, 'true']);
        const again = await berth.json(['send', '--key', `k${nth}`, 'true']);
        if (stdout !== '') expect(again).toMatchObject({ id: Number(stdout), created: false });
        if (!killed) break;
      }
      const keys = (await berth.json(['list'])).map((task: { id: number }) => task.id);
      expect(new Set(keys).size).toBe(keys.length);
      expect((await berth.run(['fsck'])).stdout).toContain('all is well');
      expect(integrity()).toBe('ok');
    });
  },
);
