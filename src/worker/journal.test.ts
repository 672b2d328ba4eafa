import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from '../core/store.ts';
import type { Lease } from '../core/task.ts';
import { outcomeJournal } from './journal.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'berth-journal-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const lease: Lease = { taskId: 7, attempt: 2, fence: 3, worker: 'w', session: 'w/slot-1' };
const outcome = { kind: 'timed_out', cause: 'The time limit passed.' } as const;

function storeThatTakes(taken: unknown[]): Store {
  return {
    finished: async (...said: unknown[]) => {
      taken.push(said);
      return 'kept';
    },
  } as unknown as Store;
}

test('what is owed is private, survives its process, and is paid once', async () => {
  await outcomeJournal(home).owe({ lease, outcome, againAtMs: null });
  const folder = join(home, 'owed');
  expect((statSync(join(folder, '7-2-3.json')).mode & 0o777).toString(8)).toBe('600');

  const taken: unknown[] = [];
  await outcomeJournal(home).payAll(storeThatTakes(taken));
  await outcomeJournal(home).payAll(storeThatTakes(taken));

  expect(taken).toEqual([[lease, outcome, null]]);
  expect(readdirSync(folder)).toEqual([]);
});

test('what the store still does not take stays owed', async () => {
  await outcomeJournal(home).owe({ lease, outcome, againAtMs: 5 });
  const away = { finished: () => Promise.reject(new Error('away')) } as unknown as Store;

  await expect(outcomeJournal(home).payAll(away)).rejects.toThrow('away');

  const taken: unknown[] = [];
  await outcomeJournal(home).payAll(storeThatTakes(taken));
  expect(taken).toEqual([[lease, outcome, 5]]);
});

test('nothing is owed any more once it was paid at once', async () => {
  const journal = outcomeJournal(home);
  await journal.owe({ lease, outcome, againAtMs: null });
  await journal.paid(lease);

  const taken: unknown[] = [];
  await journal.payAll(storeThatTakes(taken));
  expect(taken).toEqual([]);
});
