import { expect, test } from 'vitest';
import type { Claim } from '../core/store.ts';
import { aTask, aWorker, dead, HERE, SUCCEEDED, type Subject, startWorker } from './store-fixture.ts';

/** Calls of one turn of the event loop may share statements; each is answered as if it were alone. */
export function turns({ store, fixture }: Subject): void {
  test('workers that claim in one turn get tasks for their own sessions, as many as each asked for', async () => {
    await startWorker(store(), aWorker('one', 1), 2);
    await startWorker(store(), aWorker('two', 2), 3);
    const added = await store().addAll(Array.from({ length: 6 }, () => aTask()));

    const claims = await Promise.all([
      store().claim('one', 1),
      store().claim('two', 9),
      store().claim('one', 5),
    ]);

    expect(claims.map(sessionsOf)).toEqual([
      [expect.stringMatching('^one/slot-')],
      ['two/slot-1', 'two/slot-2', 'two/slot-3'],
      [expect.stringMatching('^one/slot-')],
    ]);
    expect(claims.map((own) => own.map(({ lease }) => lease.worker))).toEqual([
      ['one'],
      ['two', 'two', 'two'],
      ['one'],
    ]);
    const taken = claims.flat().map(({ lease }) => lease.taskId);
    expect(taken.sort((a, b) => a - b)).toEqual(added.slice(0, 5).map(({ id }) => id));
  });

  test('of workers that claim in one turn, one whose name was taken gets nothing', async () => {
    await startWorker(store(), aWorker('one', 1), 1);
    await startWorker(store(), aWorker('two', 2), 1);
    const other = await fixture().open();
    await other.registerWorker(aWorker('one', 3), dead);
    await store().addAll([aTask(), aTask()]);

    const claims = await Promise.all([store().claim('one', 1), store().claim('two', 1)]);

    expect(claims.map(sessionsOf)).toEqual([[], ['two/slot-1']]);
  });

  test('of workers that claim in one turn, one that is not registered is refused alone', async () => {
    await startWorker(store(), aWorker('one', 1), 1);
    await store().add(aTask());

    const [stranger, one] = await Promise.allSettled([store().claim('stranger', 1), store().claim('one', 1)]);

    expect(stranger).toMatchObject({ status: 'rejected', reason: { code: 'INTERNAL' } });
    expect(one).toMatchObject({ status: 'fulfilled', value: [{ lease: { worker: 'one' } }] });
  });

  test('a terminal of the host goes to a worker that has room, when several claim in one turn', async () => {
    await store().registerWorker({ ...aWorker('far', 1), host: 'elsewhere' }, dead);
    await store().registerWorker(aWorker('full', 2), dead);
    await store().registerWorker(aWorker('free', 3), dead);
    for (const name of ['a', 'b']) {
      await store().putSession({ name, host: 'local', kind: 'tmux', provider: null, worker: null });
    }
    const ids = await store().addAll(['a', 'b'].map((target) => aTask('x', { target })));

    const claims = await Promise.all([
      store().claim('far', 5),
      store().claim('full', 0),
      store().claim('free', 1),
    ]);

    expect(claims.map(sessionsOf)).toEqual([[], [], ['a']]);
    expect((await store().task(ids[1]?.id ?? 0))?.state.name).toBe('pending');
  });

  test('an end that the tables do not take leaves the others of its turn alone', async () => {
    await startWorker(store(), aWorker('one'), 3);
    await store().addAll([aTask(), aTask(), aTask()]);
    const leases = (await store().claim('one', 3)).map(({ lease }) => lease);
    await Promise.all(leases.map((lease) => store().started(lease, HERE)));
    const impossible = { kind: 'failed', exitCode: 300, signal: null, oom: null, cause: null } as const;

    const ends = await Promise.allSettled(
      leases.map((lease, at) => store().finished(lease, at === 1 ? impossible : SUCCEEDED, null)),
    );

    expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : end.status))).toEqual([
      'kept',
      'rejected',
      'kept',
    ]);
    expect(await store().counts()).toMatchObject({ running: 1, finished: 2 });
    expect(await store().problems()).toEqual([]);
  });
}

function sessionsOf(claims: readonly Claim[]): readonly string[] {
  return claims.map(({ lease }) => lease.session).sort();
}
