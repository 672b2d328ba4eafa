import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toBytes } from '../core/command.ts';
import type { Outcome, Payload } from '../core/task.ts';
import { argv, line } from './runs.ts';

/** One way of running whole tasks (`queue` or `foreground`) in one kind of box. */
export interface RunsUnderTest {
  /** `queue`: the run outlives the process that started it. `foreground`: it dies with it. */
  readonly way: 'queue' | 'foreground';
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
  /** Kill the engine's client that runs it, with SIGKILL; null where no client stands between. */
  readonly killClient: (() => Promise<void>) | null;
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
const ROUNDS = Number(process.env.BERTH_TEST_ROUNDS ?? 3);
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
      const outcomes = CODES.map(async (code) => (await run({ payload: line(`exit ${code}`) })).outcome);

      expect(await Promise.all(outcomes)).toMatchObject(
        CODES.map((code) => (code === 0 ? { kind: 'succeeded' } : { kind: 'failed', exitCode: code })),
      );
    });

    test.each([
      ['TERM', 143],
      ['KILL', 137],
      ['SEGV', 139],
    ])('3. a program that ended by SIG%s says so', async (signal, exitCode) => {
      const { outcome } = await run({ payload: line(`kill -${signal} $$`) });

      expect(outcome).toMatchObject({ kind: 'failed', exitCode, signal: `SIG${signal}` });
      expect((outcome as { cause: string }).cause).toContain(`SIG${signal}`);
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

    test(`4. cancel leaves nothing of a tree that will not end, ${ROUNDS} of ${ROUNDS} rounds`, async () => {
      const round = async () => {
        const mark = aMark();
        const started = await under.start({ payload: stubborn(mark), env: { MARK_OF_TEST: mark } });
        await until(async () => (await started.said()).includes('up'));
        const before = performance.now();
        await started.cancel();
        const { outcome } = await started.ended;
        const tookMs = performance.now() - before;
        return {
          outcome: outcome.kind,
          left: await under.processes(mark),
          inTime: tookMs < GONE_MS || tookMs,
        };
      };
      // some at once, but no more than a small machine can do in time
      for (let done = 0; done < ROUNDS; done += AT_ONCE) {
        const rounds = Array.from({ length: Math.min(AT_ONCE, ROUNDS - done) }, round);
        const gone = { outcome: 'cancelled', left: [], inTime: true };
        expect(await Promise.all(rounds)).toEqual(rounds.map(() => gone));
      }
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

    test('4. when the engine’s client is killed, the tree goes too, and the outcome is lost', async ({
      skip,
    }) => {
      const mark = aMark();
      const started = await under.start({ payload: stubborn(mark), env: { MARK_OF_TEST: mark } });
      await until(async () => (await started.said()).includes('up'));
      if (started.killClient === null) {
        await started.cancel();
        skip('without a box there is no client');
      }
      await started.killClient?.();
      const { outcome } = await started.ended;

      expect(outcome).toMatchObject({ kind: 'lost', cause: expect.stringMatching(/without a record/) });
      await gone(under, mark);
    });

    test('5. SIGKILL to the process that started it keeps the promise of its kind', async () => {
      const mark = aMark();
      const elsewhere = await under.startElsewhere(
        under.way === 'queue'
          ? {
              payload: line('echo up; sleep 3; echo done; echo err >&2; exit 9'),
              env: { MARK_OF_TEST: mark },
            }
          : { payload: stubborn(mark), env: { MARK_OF_TEST: mark } },
      );
      await until(async () => (await elsewhere.said()).includes('up'));
      await elsewhere.kill();

      if (under.way === 'foreground') await gone(under, mark, 10_000);
      const after = await elsewhere.afterwards();
      if (under.way === 'foreground') expect(after.outcome).toMatchObject({ kind: 'lost' });
      else {
        expect(after.outcome).toMatchObject({ kind: 'failed', exitCode: 9 });
        expect([after.stdout.toString(), after.stderr.toString()]).toEqual(['up\ndone\n', 'err\n']);
      }
    });

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

      expect([shell.stdout.toString(), list.stdout.toString()]).toEqual(['2\n', '$((1 + 1)) | cat\n']);
    });
  });
}

/**
 * Ignores TERM, with a grandchild, one in a session of its own, and one there that also forgot its variables.
 * Each carries the mark in its arguments.
 */
function stubborn(mark: string): Payload {
  const loop = `trap "" TERM HUP INT; while :; do sleep 1; done # ${mark}`;
  return line(
    [
      "trap '' TERM HUP INT",
      `sh -c 'sh -c '\\''${loop}'\\'' & wait; :' &`,
      `setsid sh -c '${loop}' &`,
      `env -i PATH="$PATH" setsid sh -c '${loop}' &`,
      'sleep 0.3; echo up',
      'while :; do sleep 1; done',
    ].join('\n'),
  );
}

/** Ends at TERM, and leaves one that ignores it, in a session of its own and without the task's variables. */
function hiding(mark: string): Payload {
  const loop = `trap "" TERM; while :; do sleep 1; done # ${mark}`;
  return line(`env -i PATH="$PATH" setsid sh -c '${loop}' & sleep 0.3; echo up; sleep 1000`);
}

async function gone(under: RunsUnderTest, mark: string, graceMs = GRACE_MS): Promise<void> {
  await until(async () => (await under.processes(mark)).length === 0, graceMs + 5000);
}

function showing(words: readonly string[]): Payload {
  return argv('sh', '-c', 'for one; do printf "%s\\0" "$one"; done', 'sh', ...words);
}

/** One character a byte, so that a difference can be read. */
function wordsOf(output: Buffer): readonly string[] {
  return output.toString('latin1').split('\0').slice(0, -1);
}

function bytes(text: string): string {
  return toBytes(text).toString('latin1');
}

/** Those that shells and engines give a meaning of their own, and some that nobody does. */
const CODES = [0, 1, 2, 7, 64, 100, 124, 125, 126, 127, 128, 130, 137, 143, 254, 255];

const AWKWARD = [
  'plain',
  '',
  ' ',
  'two words',
  `it's "quoted"`,
  '$(id)',
  '`id`',
  '$HOME',
  '\\',
  '\\n',
  'line\nbreak',
  '\n',
  '\ttab',
  '--help',
  '-x',
  '--',
  '*',
  '~',
  '#no comment',
  '{a,b}',
  'a=b',
  '!',
  'é漢🚢',
  '%s%n',
  ' trailing ',
  '\r',
  '\u001b[31m',
  '\udcff',
  'a\udce9b\udcc3',
  'x'.repeat(100_000),
];

const VARIABLES = {
  GREETING: `it's "quoted" $(id) \`id\` \\`,
  EMPTY: '',
  LINES: 'one\ntwo\n\nthree\n',
  UNICODE: 'é漢🚢',
  LATIN: 'caf\udce9',
  LOWER_case_1: ' spaces ',
  DOCKER_HOST: 'tcp://not.for.the.client',
  CONTAINER_HOST: 'tcp://not.for.the.client',
  DATABASE_URL: 'postgres://user:password@db/name',
  LONG: 'x'.repeat(100_000),
} as const;

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
