import { BerthError } from '../core/errors.ts';
import { laneOf } from '../core/lanes.ts';
import type { Added } from '../core/store.ts';
import type { TaskSpec } from '../core/task.ts';
import { waitForParents } from './ends.ts';
import { canonicalJson, contentOf, sha256 } from './spec-text.ts';
import { requireTask } from './tasks.ts';
import { note, type StoreParts } from './transitions.ts';
import { all, get, packed, put, type Work } from './work.ts';

/** @throws {BerthError} `KEY_CONFLICT`, `TASK_NOT_FOUND` */
export function addTask(parts: StoreParts, spec: TaskSpec): Work<Added> {
  return addOne(parts, sendingOf(spec));
}

/** @returns what became of each, in order; their ids grow in this order as well */
export function* addTasks(parts: StoreParts, specs: readonly TaskSpec[]): Work<readonly Added[]> {
  const added: Added[] = [];
  let plain: Sending[] = [];
  for (const spec of specs) {
    const sending = sendingOf(spec);
    const { key, after } = spec.queue;
    const isPlain = key === null && after.length === 0;
    if (isPlain) plain.push(sending);
    if (isPlain && plain.length < MOST_ROWS) continue;
    added.push(...(yield* insertAll(parts, plain)));
    plain = [];
    if (!isPlain) added.push(yield* addOne(parts, sending));
  }
  return [...added, ...(yield* insertAll(parts, plain))];
}

/** Of a statement. */
const MOST_ROWS = 500;

interface Sending {
  readonly spec: TaskSpec;
  readonly text: string;
  readonly hash: string;
}

function sendingOf(spec: TaskSpec): Sending {
  const text = canonicalJson(spec);
  return { spec, text, hash: sha256(text) };
}

/** It may have a key, which may be known, and tasks that it waits for. */
function* addOne(parts: StoreParts, sending: Sending): Work<Added> {
  const { key, after } = sending.spec.queue;
  const known = yield* knownTask(key, sending.hash);
  if (known !== null) return { id: known, created: false };
  const id = yield* insertOne(parts, sending);
  if (after.length > 0) yield* waitFor(parts, id, after);
  return { id, created: true };
}

function* knownTask(key: string | null, hash: string): Work<number | null> {
  if (key === null) return null;
  const row = yield* get<{ id: number; spec_hash: string }>(
    'select id, spec_hash from tasks where idempotency_key = :key',
    { key },
  );
  if (!row) return null;
  if (row.spec_hash === hash) return row.id;
  throw new BerthError(`The key "${key}" belongs to task ${row.id}, which was sent with other content.`, {
    code: 'KEY_CONFLICT',
    hint: `Use another key, or see \`berth show ${row.id}\`.`,
  });
}

function* insertOne(parts: StoreParts, sending: Sending): Work<number> {
  const nowMs = parts.now();
  const row = columnsOf(sending, nowMs);
  const columns = Object.keys(row);
  const inserted = yield* get<{ id: number }>(
    `insert into tasks (${columns.join(', ')}, state, created_at_ms)
     values (${columns.map((name) => `:${name}`).join(', ')}, 'pending', :nowMs) returning id`,
    { ...row, nowMs },
  );
  if (!inserted) throw new Error('insert returned no id');
  yield* note({ taskId: inserted.id, atMs: nowMs, kind: 'added', worker: null, reason: null });
  return inserted.id;
}

/** Tasks without keys and without others that they wait for. */
function* insertAll(parts: StoreParts, sendings: readonly Sending[]): Work<readonly Added[]> {
  const [first] = sendings;
  if (first === undefined) return [];
  const nowMs = parts.now();
  const rows = sendings.map((sending, place) => ({ place, ...columnsOf(sending, nowMs) }));
  const columns = Object.keys(columnsOf(first, nowMs));
  const inserted = yield* all<{ id: number }>(
    `insert into tasks (${columns.join(', ')}, state, created_at_ms)
     select ${columns.join(', ')}, 'pending', :nowMs from ${parts.dialect.rows(['place', ...columns])}
     order by place returning id`,
    { rows: packed(rows), nowMs },
  );
  // ids are given in the order of the select, but told in any
  const ids = inserted.map(({ id }) => id).sort((a, b) => a - b);
  yield* put(
    `insert into events (task_id, at_ms, kind) select value, :nowMs, 'added' from (${parts.dialect.list('ids', 'bigint')}) as ids`,
    { ids: JSON.stringify(ids), nowMs },
  );
  return ids.map((id) => ({ id, created: true }));
}

function columnsOf({ spec, text, hash }: Sending, nowMs: number) {
  const { payload, context, queue } = spec;
  return {
    idempotency_key: queue.key,
    spec: text,
    spec_hash: hash,
    kind: payload.kind,
    content: contentOf(payload),
    host: context.host,
    directory: context.workdir,
    priority: queue.priority,
    group_name: queue.group,
    lane: laneOf(spec),
    ready: Number(queue.delayMs <= 0),
    run_at_ms: nowMs + Math.max(queue.delayMs, 0),
  };
}

function* waitFor(parts: StoreParts, id: number, parents: readonly number[]): Work<void> {
  for (const parent of [...new Set(parents)].sort((a, b) => a - b)) {
    const parentId = (yield* requireTask(parts, parent)).id;
    yield* put('insert into dependencies values (:id, :parentId)', { id, parentId });
  }
  yield* waitForParents(parts, id);
}
