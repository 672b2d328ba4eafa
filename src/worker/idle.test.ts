import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type IdleWatch, watchSilence } from './idle.ts';

let steadyMs: number;
/** What the clock of the machine, and of its files, is ahead of the steady one. */
let aheadMs: number;
let outputMs: number | null;
let idle: boolean;
let watch: IdleWatch;
beforeEach(() => {
  vi.useFakeTimers();
  steadyMs = 0;
  aheadMs = 1_000_000;
  outputMs = null;
  idle = false;
  watch = watchSilence({
    limitMs: 100,
    sinceMs: aheadMs,
    lastOutputMs: async () => outputMs,
    now: () => steadyMs + aheadMs,
    steadyNow: () => steadyMs,
    onIdle: () => {
      idle = true;
    },
  });
});
afterEach(() => {
  watch.end();
  vi.useRealTimers();
});
const write = () => {
  outputMs = steadyMs + aheadMs;
};
const pass = async (ms: number) => {
  for (let left = ms; left > 0; left -= 10) {
    steadyMs += 10;
    await vi.advanceTimersByTimeAsync(10);
  }
};

test('a run that writes nothing is found when the limit has passed', async () => {
  await pass(90);
  expect(idle).toBe(false);
  await pass(10);
  expect(idle).toBe(true);
});

test('each output gives it the whole limit again', async () => {
  await pass(60);
  write();
  await pass(90);
  expect(idle).toBe(false);
  await pass(10);
  expect(idle).toBe(true);
});

test('a clock that jumps ahead ends no run that writes', async () => {
  await pass(90);
  write();
  aheadMs += 7_200_000;
  await pass(90);
  expect(idle).toBe(false);
  await pass(100);
  expect(idle).toBe(true);
});

test('a clock that jumps back does not make a silent run go on', async () => {
  await pass(50);
  write();
  aheadMs -= 7_200_000;
  await pass(200);
  expect(idle).toBe(true);
});
