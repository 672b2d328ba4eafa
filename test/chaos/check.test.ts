import { expect, test } from 'vitest';
import { type History, type Trace, violations } from './check.ts';

type Event = readonly [kind: string, atMs: number, reason?: string];

/** Two tasks, the second waits for the first; one attempt of it was lost with its worker, and explained. */
const FIRST: readonly Event[] = [
  ['added', 1],
  ['assigned', 2],
  ['started', 3],
  ['finished', 6, 'succeeded'],
];
const SECOND: readonly Event[] = [
  ['added', 1],
  ['assigned', 7],
  ['started', 8],
  ['retrying', 60, 'lost: host b has not been heard of for 50 s'],
  ['assigned', 61],
  ['started', 62],
  ['finished', 65, 'succeeded'],
];
const TRACES: readonly Trace[] = [
  { kind: 'begin', task: 1, attempt: 1, fence: 1, atMs: 4 },
  { kind: 'end', task: 1, attempt: 1, fence: 1, atMs: 5 },
  { kind: 'begin', task: 2, attempt: 1, fence: 1, atMs: 9 },
  { kind: 'begin', task: 2, attempt: 2, fence: 2, atMs: 63 },
  { kind: 'end', task: 2, attempt: 2, fence: 2, atMs: 64 },
];

function found(change: { first?: readonly Event[]; second?: readonly Event[]; traces?: readonly Trace[] }) {
  const line = (events: readonly Event[]) =>
    events.map(([kind, atMs, reason = null]) => ({ kind, atMs, reason, worker: 'w' }));
  const history: History = {
    acknowledged: [1, 2],
    events: new Map([
      [1, line(change.first ?? FIRST)],
      [2, line(change.second ?? SECOND)],
    ]),
    traces: change.traces ?? TRACES,
    parents: new Map([[2, [1]]]),
    group: { limit: 1, tasks: [1, 2] },
    heard: {
      leaseMs: 30,
      contacts: new Map([
        [
          'w',
          [
            { askedAtMs: 2, answeredAtMs: 3 },
            { askedAtMs: 10, answeredAtMs: 11 },
            // on its way when the host was given up
            { askedAtMs: 50, answeredAtMs: 61 },
          ],
        ],
      ]),
    },
  };
  return violations(history);
}

test('a history in which all went well has no violation', () => {
  expect(found({})).toEqual([]);
});

test.each<[string, Parameters<typeof found>[0], string]>([
  ['a task that is gone', { first: [] }, 'task 1 was acknowledged, and is not there'],
  ['a task that never ended', { first: FIRST.slice(0, 3) }, 'task 1 has finished 0 times'],
  [
    'a task that finished twice',
    { first: [...FIRST, ['finished', 7, 'succeeded']] },
    'task 1 has finished 2 times',
  ],
  [
    'a start that no recorded loss explains',
    { traces: [...TRACES, { kind: 'begin', task: 1, attempt: 2, fence: 2, atMs: 5 }] },
    'task 1 began 2 times, with 0 recorded losses',
  ],
  [
    'one attempt that began twice',
    { traces: [...TRACES, { kind: 'begin', task: 1, attempt: 1, fence: 1, atMs: 5 }] },
    'task 1: attempt 1 did "begin" twice under fence 1',
  ],
  [
    'the outcome of an attempt that still ran',
    { second: SECOND.with(-1, ['finished', 63, 'succeeded']) },
    'task 2 succeeded before its last attempt came to its end',
  ],
  [
    'a task that was handed out while somebody had it',
    { first: [...FIRST.slice(0, 3), ['assigned', 4], ...FIRST.slice(3)] },
    'task 1 was assigned while it was running',
  ],
  [
    'a task that did not wait',
    { first: FIRST.with(-1, ['finished', 9, 'succeeded']) },
    'task 2 was started before task 1 had succeeded',
  ],
  [
    'a group with too many under way',
    { first: FIRST.with(-1, ['finished', 9, 'succeeded']) },
    '2 tasks of a group were under way; 1 are allowed',
  ],
  [
    'a host that was given up within its lease',
    { second: SECOND.with(3, ['retrying', 39, 'lost: host b has not been heard of for 29 s']) },
    'task 2 of w was given up after 29 ms',
  ],
  [
    'a start that is not on record',
    { traces: TRACES.with(2, { kind: 'begin', task: 2, attempt: 1, fence: 1, atMs: 7 }) },
    'task 2 began 1 times, of which 0 were on record',
  ],
])('the checker finds %s', (_name, change, line) => {
  expect(found(change)).toContain(line);
});
