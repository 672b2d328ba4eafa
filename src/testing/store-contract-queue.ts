import { expect, test } from 'vitest';
import type { Store } from '../core/store.ts';
import { aTask, aWorker, claimOne, FAILED, SUCCEEDED, type Subject, startWorker } from './store-fixture.ts';

export function sending({ store, fixture }: Subject): void {
  test('a task comes back as it was sent, byte strings included', async () => {
    const spec = aTask('echo \udc80\udcff \u{1f600} \u0000 \'"\n');
    const { id, created } = await store().add(spec);

    const task = await (await fixture().open()).task(id);

    expect(created).toBe(true);
    expect(task?.spec).toEqual(spec);
    expect(task?.state.name).toBe('pending');
  });

  test('ids grow and are not used again', async () => {
    const first = await store().add(aTask());
    await store().requestStop(first.id, 'cancelled', 'test');
    fixture().advance(1);
    await store().clear(Number.MAX_SAFE_INTEGER);

    const second = await store().add(aTask());

    expect(second.id).toBeGreaterThan(first.id);
  });

  test('the same key with the same spec gives the same task', async () => {
    const first = await store().add(aTask('build', { key: 'k' }));
    const again = await (await fixture().open()).add(aTask('build', { key: 'k' }));

    expect(again).toEqual({ id: first.id, created: false });
    expect((await store().counts()).pending).toBe(1);
  });

  test('the same key with another spec is refused', async () => {
    await store().add(aTask('build', { key: 'k' }));

    await expect(store().add(aTask('deploy', { key: 'k' }))).rejects.toMatchObject({ code: 'KEY_CONFLICT' });
    expect((await store().counts()).pending).toBe(1);
  });

  test('of calls in one turn, a refused one takes no other down', async () => {
    await store().add(aTask('build', { key: 'k' }));

    const results = await Promise.allSettled([
      store().add(aTask('before')),
      store().add(aTask('deploy', { key: 'k' })),
      store().add(aTask('after')),
    ]);

    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await store().counts()).pending).toBe(3);
  });

  test('tasks are listed newest first, by state, outcome and id', async () => {
    const a = await store().add(aTask('a'));
    const b = await store().add(aTask('b'));
    const c = await store().add(aTask('c'));
    await store().requestStop(b.id, 'cancelled', 'test');
    const idsOf = async (filter: Parameters<Store['tasks']>[0]) =>
      (await store().tasks(filter)).map((task) => task.id);

    expect(await idsOf({ limit: 2 })).toEqual([c.id, b.id]);
    expect(await idsOf({ limit: 9, states: ['pending'] })).toEqual([c.id, a.id]);
    expect(await idsOf({ limit: 9, outcomes: ['cancelled'] })).toEqual([b.id]);
    expect(await idsOf({ limit: 9, ids: [a.id, 999] })).toEqual([a.id]);
    expect(await idsOf({ limit: 9, ids: [] })).toEqual([]);
    expect(await store().task(999)).toBeNull();
  });
}

export function dependencies({ store }: Subject): void {
  test('a task waits until all that it names have succeeded', async () => {
    const a = await store().add(aTask('a'));
    const b = await store().add(aTask('b'));
    const child = await store().add(aTask('c', { after: [a.id, b.id, a.id], priority: 10 }));
    await startWorker(store(), aWorker('w'), 3);
    const parents = await store().claim('w', 3);
    expect(parents.map(({ lease }) => lease.taskId)).toEqual([a.id, b.id]);

    for (const { lease } of parents) {
      expect(await store().claim('w', 3)).toEqual([]);
      await store().finished(lease, SUCCEEDED, null);
    }

    expect((await claimOne(store(), 'w')).lease.taskId).toBe(child.id);
  });

  test('when one fails, all that wait for it are cancelled with the reason, however deep', async () => {
    const root = await store().add(aTask());
    const ids = [root.id];
    for (let depth = 0; depth < 200; depth += 1) {
      ids.push((await store().add(aTask('next', { after: [ids.at(-1) ?? 0] }))).id);
    }
    await startWorker(store(), aWorker('w'), 1);

    await store().finished((await claimOne(store(), 'w')).lease, FAILED, null);

    expect((await store().counts()).finished).toBe(201);
    const first = await store().task(ids[1] ?? 0);
    expect(first?.state).toMatchObject({
      outcome: { kind: 'cancelled', cause: expect.stringContaining(`task ${root.id}`) },
    });
  });

  test('a retry of the failed one does not end those that wait', async () => {
    const parent = await store().add(aTask());
    const child = await store().add(aTask('child', { after: [parent.id] }));
    await startWorker(store(), aWorker('w'), 1);

    await store().finished((await claimOne(store(), 'w')).lease, FAILED, 0);

    expect((await store().task(child.id))?.state.name).toBe('pending');
  });

  test('a parent that succeeds twice does not stand in for the other one', async () => {
    const a = await store().add(aTask('a', { priority: 9 }));
    const b = await store().add(aTask('b', { delayMs: 60_000 }));
    await store().add(aTask('c', { after: [a.id, b.id] }));
    await startWorker(store(), aWorker('w'), 1);
    await store().finished((await claimOne(store(), 'w')).lease, SUCCEEDED, null);
    await store().retry(a.id);
    await store().finished((await claimOne(store(), 'w')).lease, SUCCEEDED, null);

    expect(await store().claim('w', 1)).toEqual([]);
  });

  test('a task after one that has failed already is cancelled, after one that succeeded it is ready', async () => {
    await startWorker(store(), aWorker('w'), 1);
    const bad = await store().add(aTask());
    await store().finished((await claimOne(store(), 'w')).lease, FAILED, null);
    const good = await store().add(aTask());
    await store().finished((await claimOne(store(), 'w')).lease, SUCCEEDED, null);

    const cancelled = await store().add(aTask('x', { after: [bad.id] }));
    const ready = await store().add(aTask('y', { after: [good.id] }));

    expect((await store().task(cancelled.id))?.state).toMatchObject({ outcome: { kind: 'cancelled' } });
    expect((await claimOne(store(), 'w')).lease.taskId).toBe(ready.id);
  });

  test('a task after one that does not exist is refused and not stored', async () => {
    await expect(store().add(aTask('x', { after: [999] }))).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
    expect((await store().counts()).pending).toBe(0);
  });
}
