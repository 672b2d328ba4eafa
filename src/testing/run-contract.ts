import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toBytes } from '../core/command.ts';
import type { Outcome, Payload } from '../core/task.ts';
import { AWKWARD, CODES, hiding, SIGNALS, showing, stubborn, VARIABLES } from './run-samples.ts';
import { argv, line } from './runs.ts';

/** One way of running whole tasks in one kind of box. */
export interface RunsUnderTest {
  /**
   * `queue`, and `tmux`, the same in a window of a terminal session: the run outlives the process that started it.
   * `foreground`: it dies with it.
   */
  readonly way: 'queue' | 'tmux' | 'foreground';
  /** A run costs little here, so that CI can do many. */
  readonly isCheap: boolean;
  start(wish: RunWish): Promise<StartedRun>;
  /** Start it in a process of its own, the built program's, which can be killed. */
  startElsewhere(wish: Pick<RunWish, 'payload' | 'env'>): Promise<RunElsewhere>;
  /** Processes inside the box that carry this text in their arguments or variables; none when the box is gone. */
  processes(text: string): Promise<readonly string[]>;
  /** A directory of the box with blanks, quotes and a byte that is not UTF-8 in its name. */
  readonly oddDirectory: string;
  /** Containers that carry the label of a task of this suite. */
  leftContainers(): Promise<readonly string[]>;
  /** Whether the box that was there before is as it was; true where berth starts its own. */
  foreignIsUntouched(): Promise<boolean>;
  /** Owner of a file that tasks wrote at this path of the box, where berth chose the user; else null. */
  ownerOf(name: string): Promise<{ readonly uid: number; readonly gid: number } | null>;
  readonly caller: { readonly uid: number; readonly gid: number };
  /** A program of the engine's stands between us and the box. */
  readonly hasClient: boolean;
  /** The engine has no way to be asked as another user; the host has no box to choose a user for. */
  readonly hasUsers: boolean;
  close(): Promise<void>;
}

export interface RunWish {
  readonly payload: Payload;
  readonly env?: Readonly<Record<string, string>>;
  /** In the box. Default: the project's directory there. */
  readonly dir?: string;
  readonly user?: string;
  readonly prereqs?: readonly string[];
  readonly timeoutMs?: number;
}

export interface StartedRun {
  /** stdout as it is now. */
  said(): Promise<string>;
  cancel(): Promise<void>;
  /** Kill the engine's client that runs it, with SIGKILL, where there is one. */
  killClient(): Promise<void>;
  readonly ended: Promise<RunResult>;
}

export interface RunElsewhere {
  said(): Promise<string>;
  /** SIGKILL to the worker, or to `berth run`. */
  kill(): Promise<void>;
  /** What a worker that starts now makes of it. */
  afterwards(): Promise<RunResult>;
}

export interface RunResult {
  readonly outcome: Outcome;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** The points of the contract; the numbers stand in the test names, and the table in docs/containers.md is made of both. */
export const RUN_POINTS: Readonly<Record<number, string>> = {
  1: 'arguments, directory and variables arrive byte for byte',
  2: 'stdout and stderr stay apart and complete',
  3: 'exit codes, signals, and what could not start',
  4: 'cancel and time limit leave nothing of the tree',
  5: 'a killed worker or `berth run`: goes on, or is gone, as promised',
  6: 'the caller’s stdin is not eaten',
  7: 'files belong to the caller where berth chose the user',
  8: 'nothing is left behind, foreign containers stay as they are',
  11: 'argument lists end to end, a line goes to `sh -c`',
};

const GRACE_MS = 1000;
/** Execution.md's promise: gone within the grace and five seconds. */
export const GONE_MS = GRACE_MS + 5000;
/** All that is promised takes half an hour on two cores; a few of each find most. */
const isThorough = process.env['BERTH_TEST_THOROUGH'] === '1';
const ROUNDS = { some: 3, all: 20 };
/** More than that a small machine cannot do in time. */
const AT_ONCE = 3;

/** What must be true of a whole run, from the request to the outcome, in every box and both ways. */
export function runContract(name: string, open: () => Promise<RunsUnderTest>): void {
  describe(name, () => {
    let under: RunsUnderTest;
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under?.close());
    const run = async (wish: RunWish) => (await under.start(wish)).ended;

    test('1. arguments arrive byte for byte, also those that are not UTF-8', async () => {
      const { stdout, outcome } = await run({ payload: showing(AWKWARD) });

      expect(outcome).toEqual({ kind: 'succeeded' });
      expect(wordsOf(stdout)).toEqual(AWKWARD.map(bytes));
    });

    test('1. a thousand lists of any text arrive as they are', async () => {
      const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((one) => !one.includes('\0'));
      const byte = fc.integer({ min: 0xdc80, max: 0xdcff }).map((code) => String.fromCharCode(code));
      const lists = fc.array(fc.oneof(text, byte), { minLength: 0, maxLength: 8 });
      const batches = fc.array(lists, { minLength: 250, maxLength: 250 });
      await fc.assert(
        fc.asyncProperty(batches, async (batch) => {
          const { stdout } = await run({
            payload: showing(batch.flatMap((list) => [...list, 'end of list'])),
          });
          const expected = batch.flatMap((list) => [...list, 'end of list']).map(bytes);
          expect(wordsOf(stdout)).toEqual(expected);
        }),
        { numRuns: 4, endOnFailure: true },
      );
    });

    test('1. variables and the directory arrive byte for byte', async () => {
      const show = Object.keys(VARIABLES).map((one) => `printf '%s\\0' "$${one}"`);
      const shown = line(['pwd | tr "\\n" "\\0"', ...show].join('; '));
      const { stdout } = await run({ payload: shown, dir: under.oddDirectory, env: VARIABLES });

      expect(wordsOf(stdout)).toEqual([under.oddDirectory, ...Object.values(VARIABLES)].map(bytes));
    });

    test('2. every byte passes, the streams stay apart, no newline is added', async () => {
      const all = Array.from({ length: 255 }, (_, index) => `\\0${(index + 1).toString(8)}`).join('');
      const { stdout, stderr } = await run({
        payload: line(`printf '%b' '${all}'; printf 'e\\r\\nnot the end' >&2; printf 'a\\nb'`),
      });

      const every = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));
      expect(stdout.equals(Buffer.concat([every, Buffer.from('a\nb')]))).toBe(true);
      expect(stderr.toString('latin1')).toBe('e\r\nnot the end');
    });

    test('2. 100 MiB arrive complete', async () => {
      const { stdout, stderr, outcome } = await run({
        payload: line('head -c 104857600 /dev/zero; head -c 1048576 /dev/zero >&2; exit 3'),
      });

      expect(outcome).toMatchObject({ kind: 'failed', exitCode: 3 });
      expect([stdout.length, stderr.length]).toEqual([104_857_600, 1_048_576]);
      expect(digest(stdout)).toBe(digest(Buffer.alloc(104_857_600)));
    });

    test('3. every exit code is the program’s own', async () => {
      const codes =
        isThorough && under.isCheap && under.way === 'queue'
          ? Array.from({ length: 256 }, (_, code) => code)
          : CODES;
      const outcomes = await inTurns(
        codes,
        under.isCheap ? 16 : 4,
        async (code) => (await run({ payload: line(`exit ${code}`) })).outcome,
      );

      expect(outcomes).toMatchObject(
        codes.map((code) => (code === 0 ? { kind: 'succeeded' } : { kind: 'failed', exitCode: code })),
      );
    }, 300_000);

    test('3. a program that ended by a signal says which, and its code is 128 and the number', async () => {
      const names = isThorough || under.isCheap ? Object.keys(SIGNALS) : ['TERM', 'KILL', 'SEGV'];
      const outcomes = await inTurns(names, under.isCheap ? 8 : 3, async (name) => {
        const { outcome } = await run({ payload: line(`kill -${SIGNALS[name]} $$`) });
        return outcome;
      });

      expect(outcomes).toMatchObject(
        names.map((name) => ({
          kind: 'failed',
          exitCode: 128 + (SIGNALS[name] ?? 0),
          signal: `SIG${name}`,
          cause: expect.stringContaining(`SIG${name}`),
        })),
      );
    });

    test.each<[string, RunWish, string]>([
      ['a program', { payload: argv('no-such-program', 'x') }, 'PROGRAM_NOT_FOUND'],
      ['a file that may be executed', { payload: argv('/etc') }, 'PROGRAM_NOT_EXECUTABLE'],
      ['a directory', { payload: line('true'), dir: '/no/such/directory' }, 'DIRECTORY_NOT_FOUND'],
      [
        'a prerequisite that succeeds',
        { payload: line('true'), prereqs: ['true', 'exit 4'] },
        'PREREQUISITE_FAILED',
      ],
    ])('3. without %s nothing starts, and the code says which', async (_, wish, code) => {
      expect((await run(wish)).outcome).toMatchObject({ kind: 'not_started', code });
    });

    test('3. an unknown user is told from a program that failed', async ({ skip }) => {
      skip(!under.hasUsers, 'without a box berth chooses no user');
      const { outcome } = await run({ payload: line('true'), user: 'nobody-of-that-name' });

      expect(outcome).toMatchObject({ kind: 'not_started', code: 'USER_NOT_FOUND' });
    });

    /** Each time: start a tree that will not end, do something to it, and see what is left of it. */
    const rounds = async (end: (started: StartedRun) => Promise<void>) => {
      const round = async () => {
        const mark = aMark();
        const started = await under.start({ payload: stubborn(mark), env: { MARK_OF_TEST: mark } });
        await until(async () => (await started.said()).includes('up'));
        const before = performance.now();
        await end(started);
        const { outcome } = await started.ended;
        const tookMs = performance.now() - before;
        // what only loses its leash needs the grace, too
        if (outcome.kind === 'lost') await gone(under, mark);
        const left = await under.processes(mark);
        const limitMs = GRACE_MS + (GONE_MS - GRACE_MS) * slowness();
        return { outcome: outcome.kind, left, inTime: tookMs < limitMs || { tookMs, limitMs } };
      };
      return inTurns(Array.from({ length: roundsOf(under) }), AT_ONCE, round);
    };

    test('4. cancel leaves nothing of a tree that will not end, in every round', async () => {
      const ends = await rounds((started) => started.cancel());

      expect(ends).toEqual(ends.map(() => ({ outcome: 'cancelled', left: [], inTime: true })));
    }, 300_000);

    test('4. what can no longer be recognised once its parent has ended is gone too', async () => {
      const mark = aMark();
      const started = await under.start({ payload: hiding(mark) });
      await until(async () => (await started.said()).includes('up'));
      await started.cancel();

      expect((await started.ended).outcome).toMatchObject({ kind: 'cancelled' });
      expect(await under.processes(mark)).toEqual([]);
    });

    test('4. the time limit does the same, and is never exit code 0', async () => {
      const mark = aMark();
      const started = await under.start({
        payload: stubborn(mark),
        env: { MARK_OF_TEST: mark },
        timeoutMs: 1500,
      });

      expect((await started.ended).outcome).toMatchObject({ kind: 'timed_out' });
      expect(await under.processes(mark)).toEqual([]);
    });

    test('4. a program that ends by itself when asked is cancelled, not succeeded', async () => {
      const started = await under.start({
        payload: line("trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"),
      });
      await until(async () => (await started.said()).includes('up'));
      await started.cancel();

      expect((await started.ended).outcome).toMatchObject({ kind: 'cancelled' });
    });

    test('4. when the engine’s client is killed, the tree goes too, and the outcome is lost, in every round', async ({
      skip,
    }) => {
      skip(!under.hasClient, 'without a box there is no client');
      const ends = await rounds((started) => started.killClient());

      expect(ends).toEqual(ends.map(() => ({ outcome: 'lost', left: [], inTime: true })));
    }, 300_000);

    test('5. SIGKILL to the process that started it keeps the promise of its kind, in every round', async () => {
      const round = async () => {
        const mark = aMark();
        const payload =
          under.way === 'foreground'
            ? stubborn(mark)
            : line(`echo up; sleep 2; echo done; echo err >&2; exit 9 # ${mark}`);
        const elsewhere = await under.startElsewhere({ payload, env: { MARK_OF_TEST: mark } });
        await until(async () => (await elsewhere.said()).includes('up'), 60_000);
        return { mark, ...elsewhere };
      };
      const after: unknown[] = [];
      for (let left = roundsOf(under); left > 0; left -= AT_ONCE) {
        const started = await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, round));
        for (const one of started) await one.kill();
        if (under.way === 'foreground')
          await Promise.all(started.map(({ mark }) => gone(under, mark, 10_000)));
        for (const one of started) after.push(await one.afterwards());
      }

      const kept = {
        outcome: { kind: 'failed', exitCode: 9 },
        stdout: Buffer.from('up\ndone\n'),
        stderr: Buffer.from('err\n'),
      };
      const lost = { outcome: { kind: 'lost' } };
      expect(after).toMatchObject(after.map(() => (under.way === 'foreground' ? lost : kept)));
    }, 600_000);

    test('6. a program that reads gets end of file at once', async () => {
      const { stdout, outcome } = await run({ payload: argv('cat') });

      expect({ stdout: stdout.toString(), outcome }).toEqual({ stdout: '', outcome: { kind: 'succeeded' } });
    });

    test('7. what it writes into the project belongs to the caller', async ({ skip }) => {
      const name = `made-${randomBytes(4).toString('hex')}`;
      const { outcome } = await run({ payload: line(`mkdir ${name} && touch ${name}/file`) });

      expect(outcome.kind).toBe('succeeded');
      const owner = await under.ownerOf(`${name}/file`);
      skip(owner === null, 'the container was there, and its user with it');
      expect(owner).toEqual(under.caller);
    });

    test('8. nothing of berth’s is left, and what was there before is as it was', async () => {
      await run({ payload: line('true') });

      expect(await under.leftContainers()).toEqual([]);
      expect(await under.foreignIsUntouched()).toBe(true);
    });

    test('11. a line is the shell’s, a list is nobody’s', async () => {
      const shell = await run({ payload: line('echo "$((1 + 1))" | cat') });
      const list = await run({ payload: argv('echo', '$((1 + 1))', '|', 'cat') });

      expect([shell, list].map(({ outcome, stdout }) => [outcome, stdout.toString()])).toEqual([
        [{ kind: 'succeeded' }, '2\n'],
        [{ kind: 'succeeded' }, '$((1 + 1)) | cat\n'],
      ]);
    });
  });
}

/** A window of tmux is held in the same way as any run of the queue. */
function roundsOf({ isCheap, way }: RunsUnderTest): number {
  return isThorough && isCheap && way !== 'tmux' ? ROUNDS.all : ROUNDS.some;
}

/** Some at a time, until all are done; the answers in order. */
async function inTurns<T, R>(
  items: readonly T[],
  atOnce: number,
  act: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let done = 0; done < items.length; done += atOnce)
    results.push(...(await Promise.all(items.slice(done, done + atOnce).map(act))));
  return results;
}

/** How much longer than alone this process takes for its work: 1 where nobody else wants the processor. */
function slowness(): number {
  const before = performance.now();
  const used = process.cpuUsage();
  const usedMs = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1000;
  while (usedMs(process.cpuUsage(used)) < 50);
  return Math.max(1, (performance.now() - before) / 50);
}

async function gone(under: RunsUnderTest, mark: string, graceMs = GRACE_MS): Promise<void> {
  await until(async () => (await under.processes(mark)).length === 0, (graceMs + 5000) * slowness());
}

/** One character a byte, so that a difference can be read. */
function wordsOf(output: Buffer): readonly string[] {
  return output.toString('latin1').split('\0').slice(0, -1);
}

function bytes(text: string): string {
  return toBytes(text).toString('latin1');
}

function digest(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function aMark(): string {
  return `mark-${randomBytes(8).toString('hex')}`;
}

/** Wait for a condition, never for a time. */
async function until(holds: () => Promise<boolean>, withinMs = 30_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`The condition did not come true within ${withinMs} ms.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
