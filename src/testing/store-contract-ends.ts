import { expect, test } from 'vitest';
import type { Outcome } from '../core/task.ts';
import {
  aTask,
  aWorker,
  claimOne,
  FAILED,
  HERE,
  SUCCEEDED,
  type Subject,
  startWorker,
} from './store-fixture.ts';

export function ends({ store, fixture }: Subject): void {
  const outcomes: readonly Outcome[] = [
    SUCCEEDED,
    { kind: 'failed', exitCode: 137, signal: 'SIGKILL', oom: true, cause: 'out of memory' },
    { kind: 'failed', exitCode: 3, signal: null, oom: null, cause: null },
    { kind: 'failed', exitCode: 1, signal: null, oom: false, cause: null },
    { kind: 'cancelled', cause: 'by me' },
    { kind: 'timed_out', cause: 'after 30 s' },
    { kind: 'not_started', code: 'PREREQUISITE_FAILED', message: 'npm ci ended with 1.', hint: 'Run it.' },
    { kind: 'lost', cause: 'no exit file and no process' },
  ];

  test('starts and ends that are asked for in one turn are each answered for themselves', async () => {
    const [a, b, c] = await store().addAll([aTask('a'), aTask('b'), aTask('c\0')]);
    const child = await store().add(aTask('child', { after: [a?.id ?? 0, b?.id ?? 0] }));
    await startWorker(store(), aWorker('w'), 3);
    const claims = await store().claim('w', 3);
    const leases = claims.map(({ lease }) => lease);
    const [first, second, third] = leases;
    if (!first || !second || !third) throw new Error('three tasks were not claimed');

    const started = await Promise.all(leases.map((lease) => store().started(lease, HERE)));
    const cause = 'nul \0 and half a pair \ud800, and \\u0000 as written';
    const ended = await Promise.all([
      store().finished(first, SUCCEEDED, null),
      store().finished({ ...second, fence: second.fence - 1 }, FAILED, null),
      store().finished(second, SUCCEEDED, null),
      store().finished(third, { kind: 'lost', cause }, null),
    ]);

    expect(started).toEqual(['kept', 'kept', 'kept']);
    expect(ended).toEqual(['kept', 'lost', 'kept', 'kept']);
    expect((await store().task(c?.id ?? 0))?.state).toMatchObject({
      outcome: { kind: 'lost', cause: 'nul \ufffd and half a pair \ufffd, and \\u0000 as written' },
    });
    expect((await claimOne(store(), 'w')).lease.taskId).toBe(child.id);
  });

  test.each(outcomes)('an outcome is kept as it is: $kind $exitCode', async (outcome) => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const { lease } = await claimOne(store(), 'w');
    await store().started(lease, HERE);

    await store().finished(lease, outcome, null);

    const task = await (await fixture().open()).task(id);
    expect(task?.state).toMatchObject({ name: 'finished', outcome });
    expect(task?.attempts).toMatchObject([
      { number: 1, outcome, context: HERE, runDirectory: expect.stringMatching(`^${id}-1(-|$)`) },
    ]);
  });

  test('an outcome never changes', async () => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const { lease } = await claimOne(store(), 'w');
    await store().finished(lease, FAILED, null);

    expect(await store().finished(lease, SUCCEEDED, null)).toBe('lost');
    expect(await store().requestStop(id, 'cancelled', 'me')).toBe('already_finished');
    expect((await store().task(id))?.state).toMatchObject({ outcome: FAILED });
  });

  test('a retry comes at its time, as a new attempt', async () => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const first = await claimOne(store(), 'w');
    await store().started(first.lease, HERE);
    const ended = (await store().task(id))?.startedAtMs ?? 0;

    await store().finished(first.lease, FAILED, ended + 5000);
    expect(await store().claim('w', 1)).toEqual([]);
    fixture().advance(5001);
    const second = await claimOne(store(), 'w');

    expect(second.lease.attempt).toBe(2);
    expect(second.task.attempts).toMatchObject([
      { number: 1, outcome: FAILED },
      { number: 2, outcome: null },
    ]);
  });

  test('a task whose stop was asked for is not tried again', async () => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const { lease } = await claimOne(store(), 'w');
    await store().requestStop(id, 'cancelled', 'me');

    await store().finished(lease, FAILED, 0);

    expect((await store().task(id))?.state.name).toBe('finished');
  });

  test('a pending task is cancelled at once', async () => {
    const { id } = await store().add(aTask());

    expect(await store().requestStop(id, 'cancelled', 'me')).toBe('cancelled');
    expect((await store().task(id))?.state).toMatchObject({ outcome: { kind: 'cancelled' } });
    expect(await store().requestStop(999, 'cancelled', 'me')).toBe('not_found');
  });

  test('a finished task can be tried again by hand, a running one not', async () => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const first = await claimOne(store(), 'w');
    await expect(store().retry(id)).rejects.toMatchObject({ code: 'NOTHING_MATCHED' });
    await expect(store().retry(999)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
    await store().finished(first.lease, FAILED, null);

    expect((await store().retry(id)).state.name).toBe('pending');
    const second = await claimOne(store(), 'w');
    await store().finished(second.lease, SUCCEEDED, null);

    expect((await store().task(id))?.attempts.map(({ outcome }) => outcome?.kind)).toEqual([
      'failed',
      'succeeded',
    ]);
  });

  test('clearing removes what ended before, and names the run directories', async () => {
    await startWorker(store(), aWorker('w'), 1);
    const old = await store().add(aTask());
    await store().finished((await claimOne(store(), 'w')).lease, SUCCEEDED, null);
    const endedAtMs = endOf((await store().task(old.id))?.state);
    fixture().advance(1000);
    const recent = await store().add(aTask());
    await store().finished((await claimOne(store(), 'w')).lease, SUCCEEDED, null);

    expect(await store().clear(endedAtMs + 1)).toEqual([expect.stringMatching(`^${old.id}-1(-|$)`)]);
    expect((await store().tasks({ limit: 9 })).map(({ id }) => id)).toEqual([recent.id]);
    expect(await store().events(old.id)).toEqual([]);
  });

  test('the history names every transition in order', async () => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const { lease } = await claimOne(store(), 'w');
    await store().started(lease, HERE);
    await store().requestStop(id, 'cancelled', 'me');
    await store().finished(lease, { kind: 'cancelled', cause: 'by me' }, null);

    const events = await store().events(id);

    expect(events.map(({ kind }) => kind)).toEqual([
      'added',
      'assigned',
      'started',
      'stop_requested',
      'finished',
    ]);
    expect(events.at(-1)).toMatchObject({ worker: 'w', reason: 'cancelled: by me' });
  });
}

function endOf(state: { readonly name: string } | undefined): number {
  if (state && 'endedAtMs' in state && typeof state.endedAtMs === 'number') return state.endedAtMs;
  throw new Error('the task has not ended');
}
