import { readFileSync } from 'node:fs';
import type { TaskEvent } from '../../src/core/task.ts';

export interface History {
  /** Ids that were acknowledged. */
  readonly acknowledged: readonly number[];
  readonly events: ReadonlyMap<number, readonly Pick<TaskEvent, 'kind' | 'reason' | 'atMs'>[]>;
  /** What tasks left behind. */
  readonly traces: readonly Trace[];
}

export interface Trace {
  readonly kind: 'begin' | 'end';
  readonly task: number;
  readonly attempt: number;
  readonly fence: number;
  readonly atMs: number;
}

/** Reads histories and traces only, never the state that berth keeps. @returns what must never happen, and did */
export function violations({ acknowledged, events, traces }: History): readonly string[] {
  const found: string[] = [];
  const begun = new Map<number, number>();
  const once = new Set<string>();
  const ends = new Map<string, number>();
  for (const { kind, task, attempt, fence, atMs } of traces) {
    if (kind === 'begin') begun.set(task, (begun.get(task) ?? 0) + 1);
    else ends.set(`${task} ${attempt}`, atMs);
    const key = `${kind} ${task} ${attempt} ${fence}`;
    if (once.has(key))
      found.push(`task ${task}: attempt ${attempt} did "${kind}" twice under fence ${fence}`);
    once.add(key);
  }
  for (const id of acknowledged) {
    const history = events.get(id) ?? [];
    const count = (kind: string) => history.filter((event) => event.kind === kind).length;
    if (count('added') !== 1) found.push(`task ${id} was acknowledged, and is not there`);
    if (count('finished') !== 1) found.push(`task ${id} has finished ${count('finished')} times`);
    if ((begun.get(id) ?? 0) > 1 + count('retrying')) {
      found.push(`task ${id} began ${begun.get(id)} times, with ${count('retrying')} recorded losses`);
    }
    const success = history.find(({ kind, reason }) => kind === 'finished' && reason === 'succeeded');
    // what goes back before it started counts as no attempt
    const endAtMs = ends.get(`${id} ${count('started')}`) ?? Number.POSITIVE_INFINITY;
    if (success && success.atMs < endAtMs)
      found.push(`task ${id} succeeded before its last attempt came to its end`);
    found.push(...order(id, history));
  }
  return found;
}

/** A second hand-out, start or end needs something between that took the first one back. */
function order(id: number, history: History['events'] extends ReadonlyMap<number, infer E> ? E : never) {
  const found: string[] = [];
  let held: 'nobody' | 'assigned' | 'running' | 'finished' = 'nobody';
  const expected: Record<string, readonly string[]> = {
    assigned: ['nobody'],
    started: ['assigned'],
    adopted: ['running'],
    returned: ['assigned'],
    released: ['assigned'],
    retrying: ['assigned', 'running'],
    finished: ['nobody', 'assigned', 'running'],
  };
  for (const { kind } of history) {
    const allowed = expected[kind];
    if (!allowed) continue;
    if (!allowed.includes(held)) found.push(`task ${id} was ${kind} while it was ${held}`);
    if (kind === 'assigned' || kind === 'finished') held = kind;
    else held = kind === 'started' || kind === 'adopted' ? 'running' : 'nobody';
  }
  return found;
}

export function readTraces(path: string): History['traces'] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => {
    const [kind, ...numbers] = line.split(' ');
    const [task = 0, attempt = 0, fence = 0, atMs = 0] = numbers.map(Number);
    return { kind: kind === 'end' ? 'end' : 'begin', task, attempt, fence, atMs };
  });
}
