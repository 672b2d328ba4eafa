import { expect, test } from 'vitest';
import type { RunResult, RunSubject, RunsUnderTest, StartedRun } from './run-contract.ts';
import { hiding, stubborn } from './run-samples.ts';
import { aMark, inTurns, slowness, until } from './run-tools.ts';
import { line } from './runs.ts';

const GRACE_MS = 1000;
/** What is promised: gone within the grace and five seconds. */
const GONE_MS = GRACE_MS + 5000;
/** More than that a small machine cannot do in time. */
const AT_ONCE = 5;

/** Points 4 and 5: nothing goes on that was to end, nothing ends that was to go on. */
export function stops({ under }: RunSubject): void {
  /** Each time: start a tree that will not end, do something to it, and see what is left of it. */
  const rounds = async (end: (started: StartedRun) => Promise<void>) => {
    const box = under();
    const round = async () => {
      const mark = aMark();
      const started = await box.start({ payload: stubborn(mark), env: { MARK_OF_TEST: mark } });
      await isUp(started);
      const before = performance.now();
      await end(started);
      const { outcome } = await started.ended;
      const tookMs = performance.now() - before;
      // what only loses its leash needs the grace, too
      if (outcome.kind === 'lost') await gone(box, mark);
      const left = await box.processes(mark);
      const inTime = tookMs < GONE_MS || tookMs < GRACE_MS + (GONE_MS - GRACE_MS) * slowness();
      return { outcome: outcome.kind, left, inTime: inTime || tookMs };
    };
    return inTurns(Array.from({ length: roundsOf(box) }), AT_ONCE, round);
  };
  const every = <T>(round: T): readonly T[] => Array.from({ length: roundsOf(under()) }, () => round);

  test('4. cancel leaves nothing of a tree that will not end, in every round', async () => {
    const ends = await rounds((started) => started.cancel());

    expect(ends).toEqual(every({ outcome: 'cancelled', left: [], inTime: true }));
  }, 300_000);

  test('4. what can no longer be recognised once its parent has ended is gone too', async () => {
    const mark = aMark();
    const started = await under().start({ payload: hiding(mark) });
    await isUp(started);
    await started.cancel();

    expect((await started.ended).outcome).toMatchObject({ kind: 'cancelled' });
    expect(await under().processes(mark)).toEqual([]);
  });

  test('4. the time limit does the same, and is never exit code 0', async () => {
    const mark = aMark();
    const started = await under().start({
      payload: stubborn(mark),
      env: { MARK_OF_TEST: mark },
      timeoutMs: 1500,
    });

    expect((await started.ended).outcome).toMatchObject({ kind: 'timed_out' });
    expect(await under().processes(mark)).toEqual([]);
  });

  test('4. a program that ends by itself when asked is cancelled, not succeeded', async () => {
    const started = await under().start({
      payload: line("trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"),
    });
    await isUp(started);
    await started.cancel();

    expect((await started.ended).outcome).toMatchObject({ kind: 'cancelled' });
  });

  test('4. when the engine’s client is killed, the tree goes too, and the outcome is lost, in every round', async ({
    skip,
  }) => {
    skip(!under().hasClient, 'without a box there is no client');
    const ends = await rounds((started) => started.killClient());

    expect(ends).toEqual(every({ outcome: 'lost', left: [], inTime: true }));
  }, 300_000);

  test('5. SIGKILL to the process that started it keeps the promise of its kind, in every round', async () => {
    const box = under();
    const dies = box.way === 'foreground';
    const round = async () => {
      const mark = aMark();
      const payload = dies
        ? stubborn(mark)
        : line(`echo up; sleep 2; echo done; echo err >&2; exit 9 # ${mark}`);
      const elsewhere = await box.startElsewhere({ payload, env: { MARK_OF_TEST: mark } });
      await until(async () => (await elsewhere.said()).includes('up'), { withinMs: 180_000 });
      return { mark, ...elsewhere };
    };
    const after: RunResult[] = [];
    // several die with one worker; those of `berth run` wait out its grace of ten seconds together
    const atOnce = dies ? 2 * AT_ONCE : AT_ONCE;
    for (let left = roundsOf(box); left > 0; left -= atOnce) {
      const started = await Promise.all(Array.from({ length: Math.min(atOnce, left) }, round));
      await Promise.all(started.map((one) => one.kill()));
      if (dies) await Promise.all(started.map(({ mark }) => gone(box, mark, 10_000)));
      after.push(...(await Promise.all(started.map((one) => one.afterwards()))));
    }

    const kept = {
      outcome: { kind: 'failed', exitCode: 9 },
      stdout: Buffer.from('up\ndone\n'),
      stderr: Buffer.from('err\n'),
    };
    expect(after).toMatchObject(every(dies ? { outcome: { kind: 'lost' } } : kept));
  }, 600_000);
}

function roundsOf({ size }: RunsUnderTest): number {
  return size === 'some' ? 3 : 20;
}

/** A run that ends before it says so tells why. */
async function isUp({ said, ended }: StartedRun): Promise<void> {
  const early: RunResult[] = [];
  ended.then(
    (result) => early.push(result),
    () => {},
  );
  await until(async () => early.length > 0 || (await said()).includes('up'), { withinMs: 50_000 });
  const [result] = early;
  if (result) throw new Error(`It ended before it was up: ${JSON.stringify(result.outcome)}`);
}

async function gone(box: RunsUnderTest, mark: string, graceMs = GRACE_MS): Promise<void> {
  const none = async () => (await box.processes(mark)).length === 0;
  await until(none, { withinMs: (graceMs + GONE_MS - GRACE_MS) * slowness(), everyMs: 200 });
}
