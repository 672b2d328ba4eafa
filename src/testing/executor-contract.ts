import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Executor, RunSpec } from '../core/executor.ts';
import { aRun, argv, line } from './runs.ts';

/** A way to drive runs, under test. `again` is another process's view of the same runs. */
export interface ExecutorUnderTest {
  readonly executor: Executor;
  readonly again: () => Executor;
}

const forever = new AbortController().signal;

/** What every executor must show. */
export function executorContract(name: string, open: (runs: string) => ExecutorUnderTest): void {
  describe(`executor contract: ${name}`, () => {
    let runs = '';
    let under: ExecutorUnderTest;
    beforeAll(async () => {
      runs = await mkdtemp(join(tmpdir(), 'berth-runs-'));
      under = open(runs);
    });
    afterAll(() => rm(runs, { recursive: true, force: true }));

    const ended = async (run: RunSpec) => {
      await under.executor.start(run);
      const end = await under.executor.watch(run.directory, forever);
      await under.executor.seal(run.directory, end);
      return end;
    };
    const output = async (run: RunSpec) => ({
      out: await readFile(join(runs, run.directory, 'out.log'), 'utf8'),
      err: await readFile(join(runs, run.directory, 'err.log'), 'utf8'),
    });

    test.each([0, 1, 7, 125, 126, 127, 255])('exit code %i is the program’s own', async (code) => {
      const end = await ended(aRun(line(`exit ${code}`)));
      expect(end).toMatchObject({ kind: 'ended', report: { kind: 'exit', exitCode: code } });
    });

    test('output is kept apart and whole, without our own words', async () => {
      const run = aRun(line('echo out; echo err >&2; printf "no newline"'));
      await ended(run);
      expect(await output(run)).toEqual({ out: 'out\nno newline', err: 'err\n' });
    });

    test('arguments and environment arrive byte for byte', async () => {
      const words = ['a b', '"', "'", '$(id)', '\n', '', '-n', 'é', '\udcff', 'x'.repeat(100_000)];
      const run = aRun(argv('sh', '-c', 'printf "%s|" "$@"; printf %s "$V"', 'sh', ...words), {
        env: { V: 'line\n"q"=$x' },
      });
      await ended(run);
      const expected = Buffer.concat([
        Buffer.from(`${words.slice(0, 8).join('|')}|`),
        Buffer.from([0xff]),
        Buffer.from(`|${words[9]}|line\n"q"=$x`),
      ]);
      expect((await readFile(join(runs, run.directory, 'out.log'))).equals(expected)).toBe(true);
    });

    test('what cannot be prepared is refused with its step', async () => {
      expect(await ended(aRun(argv('no-such-program')))).toMatchObject({
        report: { kind: 'refused', reason: 'program', exitCode: 127 },
      });
    });

    test('a run starts once, whoever asks', async () => {
      const run = aRun(line('echo ran'));
      const answers = await Promise.all([under.executor.start(run), under.again().start(run)]);
      await under.again().watch(run.directory, forever);
      await under.executor.watch(run.directory, forever);
      expect(answers).toContain('started');
      expect((await output(run)).out).toBe('ran\n');
      expect(await under.again().start(run)).toBe('already');
    });

    test('a stop leaves nothing of the tree', async () => {
      const run = aRun(line('trap "" TERM; setsid sleep 99 & echo up; while :; do sleep 1; done'));
      await under.executor.start(run);
      await until(async () => (await output(run)).out === 'up\n');
      await under.again().stop(run.directory);
      expect(await under.executor.watch(run.directory, forever)).toMatchObject({
        report: { kind: 'stopped', reason: 'asked', gone: true },
      });
    });

    test('a run left by another process is watched to its true end', async () => {
      const run = aRun(line('echo up; sleep 0.5; exit 9'));
      await under.executor.start(run);
      const other = under.again();
      await until(async () => (await other.state(run.directory)) !== 'absent');
      expect(await other.state(run.directory)).toBe('running');
      expect(await other.watch(run.directory, forever)).toMatchObject({
        report: { kind: 'exit', exitCode: 9 },
      });
      expect(await other.state(run.directory)).toBe('ended');
      await other.seal(run.directory, await other.watch(run.directory, forever));
      expect(await under.again().watch(run.directory, forever)).toMatchObject({ report: { exitCode: 9 } });
    });

    test('a watch that is given up leaves the run alone', async () => {
      const run = aRun(line('sleep 0.3; exit 4'));
      await under.executor.start(run);
      const given = new AbortController();
      const watch = under.executor.watch(run.directory, given.signal);
      given.abort();
      await expect(watch).rejects.toThrow('given up');
      expect(await under.again().watch(run.directory, forever)).toMatchObject({ report: { exitCode: 4 } });
    });

    test('a run killed without a word has vanished', async () => {
      const run = aRun(line('echo up; sleep 77'));
      await under.executor.start(run);
      await until(async () => (await output(run)).out === 'up\n');
      const pids = (await readFile(join(runs, run.directory, 'pid'), 'utf8')).matchAll(
        /^(?:run|watch) (\d+)/gm,
      );
      for (const [, pid] of pids) process.kill(Number(pid), 'SIGKILL');
      expect(await under.again().watch(run.directory, forever)).toMatchObject({ kind: 'vanished' });
      expect(await under.executor.state('no-such-run')).toBe('absent');
    });
  });
}

/** Wait for a condition, never for a time. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error('the condition did not come true within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
