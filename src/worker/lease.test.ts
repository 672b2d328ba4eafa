import { expect, test } from 'vitest';
import { WorkerLease } from './lease.ts';

test('a lease is safe for 25 s from before its renewal was sent, and again after the next one', async () => {
  let clock = 0;
  const lease = new WorkerLease(() => clock);
  const sentAtMs = lease.now();
  clock = 10_000; // the answer came late
  lease.renewed(sentAtMs);
  clock = 24_999;
  expect(lease.isSafe()).toBe(true);
  clock = 25_000;
  expect(lease.isSafe()).toBe(false);

  const waiting = lease.renewal(new AbortController().signal);
  lease.renewed(lease.now());
  await waiting;
  expect(lease.isSafe()).toBe(true);
});

test('an older renewal that is answered late does not shorten the lease', () => {
  let clock = 20_000;
  const lease = new WorkerLease(() => clock);
  lease.renewed(0);
  clock = 40_000;

  expect(lease.isSafe()).toBe(true);
});
