import { readFileSync } from 'node:fs';
import type { TaskEvent } from '../../src/core/task.ts';

/** What was asked for, what was recorded, and what tasks left behind; nothing of the state that berth keeps. */
export interface History {
  /** Ids that were acknowledged. */
  readonly acknowledged: readonly number[];
  readonly events: ReadonlyMap<number, readonly Event[]>;
  /** What tasks left behind. */
  readonly traces: readonly Trace[];
  /** For each task those that it was to wait for. */
  readonly parents: ReadonlyMap<number, readonly number[]>;
  /** Tasks of a group, and how many of them may be under way. Times of events must be those of their commits. */
  readonly group?: { readonly limit: number; readonly tasks: readonly number[] };
  readonly heard?: Heard;
}

/** What workers noted themselves; to be believed on one clock only. */
interface Heard {
  readonly leaseMs: number;
  /** Of each worker, in order. */
  readonly contacts: ReadonlyMap<string, readonly Contact[]>;
}

/** A renewal of the lease, when it was asked for and when it was answered: it counts from the first, for all from the second. */
export interface Contact {
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}

type Event = Pick<TaskEvent, 'kind' | 'reason' | 'atMs' | 'worker'>;

export interface Trace {
  readonly kind: 'begin' | 'end';
  readonly task: number;
  readonly attempt: number;
  readonly fence: number;
  readonly atMs: number;
}

/** @returns what must never happen, and did */
export function violations(history: History): readonly string[] {
  const rules = [once, tooSoon, crowded, givenUp, unrecorded];
  return rules.flatMap((rule) => rule(history));
}

/** Nothing is lost, nothing runs or ends twice. */
function once({ acknowledged, events, traces }: History): readonly string[] {
  const found: string[] = [];
  const begun = new Map<number, number>();
  const done = new Set<string>();
  const ends = new Map<string, number>();
  for (const { kind, task, attempt, fence, atMs } of traces) {
    if (kind === 'begin') begun.set(task, (begun.get(task) ?? 0) + 1);
    else ends.set(`${task} ${attempt}`, atMs);
    const key = `${kind} ${task} ${attempt} ${fence}`;
    if (done.has(key))
      found.push(`task ${task}: attempt ${attempt} did "${kind}" twice under fence ${fence}`);
    done.add(key);
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
function order(id: number, history: readonly Event[]): readonly string[] {
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

/** A task that waits for others begins when all of them have succeeded. */
function tooSoon({ parents, events }: History): readonly string[] {
  const first = (id: number, kind: string, reason: string | null) =>
    events.get(id)?.find((event) => event.kind === kind && (reason === null || event.reason === reason));
  return [...parents].flatMap(([child, waitedFor]) => {
    const begun = first(child, 'started', null);
    const missed = waitedFor.filter((parent) => {
      const done = first(parent, 'finished', 'succeeded');
      return begun && (!done || done.atMs > begun.atMs);
    });
    return missed.map((parent) => `task ${child} was started before task ${parent} had succeeded`);
  });
}

function crowded({ group, events }: History): readonly string[] {
  if (!group) return [];
  const changes = group.tasks.flatMap((id) => handOvers(events.get(id) ?? []));
  let under = 0;
  for (const { by } of changes.sort((a, b) => a.atMs - b.atMs || a.by - b.by)) {
    under += by;
    if (under > group.limit) return [`${under} tasks of a group were under way; ${group.limit} are allowed`];
  }
  return [];
}

/** When a task was taken in hand, and when it was let go. */
function handOvers(history: readonly Event[]): readonly { readonly atMs: number; readonly by: number }[] {
  const changes: { atMs: number; by: number }[] = [];
  for (const { kind, atMs } of history) {
    const held = changes.at(-1)?.by === 1;
    if (kind === 'assigned') changes.push({ atMs, by: 1 });
    else if (held && ['released', 'returned', 'retrying', 'finished'].includes(kind))
      changes.push({ atMs, by: -1 });
  }
  return changes;
}

/** Nobody on another host is given up within a lease of his last word that had arrived. */
function givenUp({ heard, events }: History): readonly string[] {
  if (!heard) return [];
  return [...events].flatMap(([id, history]) =>
    history.flatMap(({ reason, worker, atMs }) => {
      if (!reason?.includes('has not been heard of')) return [];
      const contacts = heard.contacts.get(worker ?? '') ?? [];
      const last = contacts.findLast(({ answeredAtMs }) => answeredAtMs < atMs)?.askedAtMs ?? 0;
      const early = atMs - last < heard.leaseMs;
      return early ? [`task ${id} of ${worker} was given up after ${atMs - last} ms`] : [];
    }),
  );
}

/** Each start is on record before anything begins. */
function unrecorded({ heard, events, traces }: History): readonly string[] {
  if (!heard) return [];
  const begins = new Map<number, number>();
  return traces.flatMap(({ kind, task, atMs }) => {
    if (kind !== 'begin') return [];
    const count = (begins.get(task) ?? 0) + 1;
    begins.set(task, count);
    const history = events.get(task) ?? [];
    const recorded = history.filter((event) => event.kind === 'started' && event.atMs <= atMs).length;
    return recorded < count ? [`task ${task} began ${count} times, of which ${recorded} were on record`] : [];
  });
}

/** What worker processes wrote down: `begin` and `end` of each task, and `heard` when the store answered them. */
export function readTraces(path: string): {
  readonly traces: readonly Trace[];
  readonly contacts: Heard['contacts'];
} {
  const traces: Trace[] = [];
  const contacts = new Map<string, Contact[]>();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [kind, ...words] = line.split(' ');
    if (kind === 'begin' || kind === 'end') {
      const [task = 0, attempt = 0, fence = 0, atMs = 0] = words.map(Number);
      traces.push({ kind, task, attempt, fence, atMs });
    } else if (kind === 'heard') {
      const [worker = '', askedAtMs, answeredAtMs] = words;
      const contact = { askedAtMs: Number(askedAtMs), answeredAtMs: Number(answeredAtMs) };
      contacts.set(worker, [...(contacts.get(worker) ?? []), contact]);
    }
  }
  return { traces, contacts };
}
