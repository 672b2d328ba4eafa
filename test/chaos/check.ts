import { readFileSync } from 'node:fs';
import type { TaskEvent } from '../../src/core/task.ts';

export interface History {
  /** Ids that were acknowledged. */
  readonly acknowledged: readonly number[];
  readonly events: ReadonlyMap<number, readonly Pick<TaskEvent, 'kind' | 'reason'>[]>;
  /** What tasks left behind: `begin` or `end`, then task, attempt and fence. */
  readonly traces: readonly (readonly [kind: string, task: number, attempt: number, fence: number])[];
}

/** Reads histories and traces only, never the state that berth keeps. @returns what must never happen, and did */
export function violations({ acknowledged, events, traces }: History): readonly string[] {
  const found: string[] = [];
  const begun = new Map<number, number>();
  const once = new Set<string>();
  for (const [kind, task, attempt, fence] of traces) {
    if (kind === 'begin') begun.set(task, (begun.get(task) ?? 0) + 1);
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
    const succeeded = history.some(({ kind, reason }) => kind === 'finished' && reason === 'succeeded');
    if (succeeded && !traces.some(([kind, task]) => kind === 'end' && task === id)) {
      found.push(`task ${id} succeeded, and never came to its end`);
    }
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
    const [kind = '', ...numbers] = line.split(' ');
    const [task = 0, attempt = 0, fence = 0] = numbers.map(Number);
    return [kind, task, attempt, fence] as const;
  });
}
