import { expect, test } from 'vitest';
import type { Store, StoredRow } from '../core/store.ts';
import {
  alive,
  aTask,
  aWorker,
  claimOne,
  dead,
  FAILED,
  HERE,
  type StoreFixture,
  SUCCEEDED,
  type Subject,
  startWorker,
} from './store-fixture.ts';

export function pausing({ store, fixture }: Subject): void {
  test('a paused queue starts nothing, lets go on what runs, and starts again when resumed', async () => {
    await startWorker(store(), aWorker('w'), 2);
    await store().add(aTask('a'));
    const running = await claimOne(store(), 'w');
    await store().add(aTask('b'));

    expect(await store().pause({ kind: 'queue' })).toBe(true);
    expect(await store().pause({ kind: 'queue' })).toBe(false);
    expect(await store().claim('w', 2)).toEqual([]);
    expect(await store().finished(running.lease, SUCCEEDED, null)).toBe('kept');
    expect(await (await fixture().open()).pauses()).toEqual([{ kind: 'queue' }]);

    expect(await store().resume({ kind: 'queue' })).toBe(true);
    expect(await store().resume({ kind: 'queue' })).toBe(false);
    expect(await store().claim('w', 2)).toHaveLength(1);
  });

  test('a paused group or session holds up nobody else', async () => {
    await startWorker(store(), aWorker('w'), 2);
    await store().add(aTask('train', { group: 'gpu', priority: 9 }));
    const other = await store().add(aTask('lint'));
    await store().pause({ kind: 'group', name: 'gpu' });
    await store().pause({ kind: 'session', name: 'w/slot-1' });

    expect((await store().claim('w', 2)).map(({ lease }) => [lease.taskId, lease.session])).toEqual([
      [other.id, 'w/slot-2'],
    ]);
  });

  test('groups are listed with their limit, pause and load', async () => {
    await startWorker(store(), aWorker('w'), 1);
    await store().setGroup('gpu', 2);
    await store().pause({ kind: 'group', name: 'net' });
    for (let count = 0; count < 3; count += 1) await store().add(aTask('x', { group: 'gpu' }));
    await claimOne(store(), 'w');

    expect(await store().groups()).toEqual([
      { name: 'gpu', maxRunning: 2, paused: false, pending: 2, running: 1 },
      { name: 'net', maxRunning: null, paused: true, pending: 0, running: 0 },
    ]);
  });
}

export function manyAtOnce({ store }: Subject): void {
  test('however many tasks are added at once, their ids are in the order in which they were given', async () => {
    const keys = new Map([
      [0, 'first'],
      [700, 'among others'],
      [701, 'next to it'],
    ]);
    const specs = Array.from({ length: 1203 }, (_, at) => aTask(`${at}`, { key: keys.get(at) ?? null }));

    const ids = (await store().addAll(specs)).map(({ id }) => id);

    expect(new Set(ids).size).toBe(specs.length);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    const stored = [...(await store().tasks({ limit: 2000 }))].reverse();
    expect(stored.map(({ id, spec }) => [id, spec])).toEqual(specs.map((spec, at) => [ids[at], spec]));
    expect(await store().events(ids[1202] ?? 0)).toMatchObject([{ kind: 'added' }]);
    expect(await store().problems()).toEqual([]);
  });

  test('many tasks are stored in order in one transaction, or none of them', async () => {
    const added = await store().addAll([aTask('a'), aTask('b', { key: 'k' }), aTask('c')]);
    expect(added.map(({ created }) => created)).toEqual([true, true, true]);
    expect(added.map(({ id }) => id)).toEqual(added.map(({ id }) => id).sort((a, b) => a - b));

    const refused = store().addAll([aTask('d'), aTask('other', { key: 'k' })]);

    await expect(refused).rejects.toMatchObject({ code: 'KEY_CONFLICT' });
    expect((await store().counts()).pending).toBe(3);
  });

  test('a waiting task goes to another session, a running one does not', async () => {
    await startWorker(store(), aWorker('w'), 2);
    const { id } = await store().add(aTask('x', { target: 'nowhere' }));
    expect(await store().claim('w', 2)).toEqual([]);

    await store().reassign(id, 'w/slot-2');

    expect((await claimOne(store(), 'w')).lease.session).toBe('w/slot-2');
    await expect(store().reassign(id, null)).rejects.toMatchObject({ code: 'NOTHING_MATCHED' });
    expect(await store().problems()).toEqual([]);
  });
}

export function otherHosts({ store, fixture }: Subject): void {
  const there = { ...aWorker('there', 9), host: 'build-1' };
  const remote = (line: string, queue = {}) => {
    const task = aTask(line, queue);
    return { ...task, context: { ...task.context, host: 'build-1' } };
  };

  test('a worker runs only tasks of its own host, and sees the sessions of all', async () => {
    await startWorker(store(), aWorker('here'), 1);
    const other = await fixture().open();
    await startWorker(other, there, 1);
    const { id } = await store().add(remote('x'));

    expect(await store().claim('here', 1)).toEqual([]);
    expect((await store().sessions()).map(({ host }) => host).sort()).toEqual(['build-1', 'local']);
    expect((await claimOne(other, 'there')).lease.taskId).toBe(id);
  });

  test('when the lease of another host ends, what it had not started waits again, and what runs is lost', async () => {
    const other = await fixture().open();
    await startWorker(other, there, 4);
    for (const onLost of ['hold', 'retry', 'fail'] as const) await store().add(remote(onLost, { onLost }));
    await store().add(remote('assigned', { priority: 0 }));
    const claims = await other.claim('there', 4);
    for (const { lease } of claims.slice(0, 3)) await other.started(lease, HERE);
    await startWorker(store(), aWorker('here'), 1);

    expect(await store().adopt('here', alive)).toEqual([]);
    expect((await store().counts()).running).toBe(3);
    await letLeaseEnd(store(), fixture());
    // nobody here can tell whether a process over there lives
    expect(await store().adopt('here', alive)).toEqual([]);

    const states = await Promise.all(claims.map(async ({ task }) => (await store().task(task.id))?.state));
    expect(states).toMatchObject([
      { name: 'finished', outcome: { kind: 'lost' } },
      { name: 'pending' },
      { name: 'finished', outcome: { kind: 'failed', exitCode: 70 } },
      { name: 'pending' },
    ]);
    expect((await store().sessions()).filter(({ status }) => status === 'unknown')).toHaveLength(4);
    expect(await store().problems()).toEqual([]);
  });

  test('a host that comes back cannot overwrite what was decided, and its news stand in the history', async () => {
    const other = await fixture().open();
    await startWorker(other, there, 1);
    const { id } = await store().add(remote('x'));
    const { lease } = await claimOne(other, 'there');
    await other.started(lease, HERE);
    await startWorker(store(), aWorker('here'), 1);
    await letLeaseEnd(store(), fixture());
    await store().adopt('here', dead);

    expect((await other.heartbeat('there')).kept).toBe(true);
    expect(await other.finished(lease, SUCCEEDED, null)).toBe('lost');
    expect((await store().task(id))?.state).toMatchObject({ outcome: { kind: 'lost' } });
    expect((await store().events(id)).at(-1)).toMatchObject({ kind: 'late_outcome', reason: 'succeeded' });
    await other.add(remote('next'));
    expect(await other.claim('there', 1)).toHaveLength(1);
  });

  test('after a time in which nobody could renew, nobody is given up before he had time to come back', async () => {
    const other = await fixture().open();
    await startWorker(other, there, 1);
    const { id } = await store().add(remote('x'));
    await other.started((await claimOne(other, 'there')).lease, HERE);
    await startWorker(store(), aWorker('here'), 1);
    await letLeaseEnd(other, fixture());

    fixture().advance(600_000);
    await store().heartbeat('here');
    await store().adopt('here', dead);
    expect((await store().task(id))?.state.name).toBe('running');
    await other.heartbeat('there');
    await letLeaseEnd(store(), fixture());
    await other.heartbeat('there');
    await store().adopt('here', dead);

    expect((await store().task(id))?.state.name).toBe('running');
  });

  test('a host that left by itself keeps what it runs for its next worker', async () => {
    const other = await fixture().open();
    await startWorker(other, there, 1);
    await store().add(remote('x'));
    const { lease } = await claimOne(other, 'there');
    await other.started(lease, HERE);
    await other.unregisterWorker('there');
    await startWorker(store(), aWorker('here'), 1);
    fixture().advance(3_600_000);

    expect(await store().adopt('here', dead)).toEqual([]);
    await startWorker(other, { ...there, pid: 10 }, 1);
    expect(await other.adopt('there', dead)).toMatchObject([{ lease: { taskId: lease.taskId } }]);
  });

  test('the name of a worker of another host is refused while that one lives or holds tasks', async () => {
    await startWorker(store(), there, 1);

    await expect(store().registerWorker({ ...there, host: 'build-2' }, dead)).rejects.toMatchObject({
      code: 'WORKER_RUNNING',
      message: expect.stringContaining('build-1'),
    });
    await store().unregisterWorker('there');
    await store().registerWorker({ ...there, host: 'build-2' }, dead);
  });

  test('an outcome that is said twice, because the first answer was lost, is kept', async () => {
    await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const { lease } = await claimOne(store(), 'w');

    expect(await store().finished(lease, FAILED, null)).toBe('kept');
    expect(await store().finished(lease, FAILED, null)).toBe('kept');
    expect((await store().events(lease.taskId)).filter(({ kind }) => kind === 'finished')).toHaveLength(1);
  });
}

/** While the worker that is here renews its own. */
async function letLeaseEnd(store: Store, fixture: StoreFixture): Promise<void> {
  for (let second = 0; second < 35; second += 5) {
    fixture.advance(5000);
    await store.heartbeat('here');
  }
}

export function copying({ store }: Subject, empty: () => Promise<Subject['fixture']>): void {
  test('a queue that was exported is the same after an import, but for what ran', async () => {
    await startWorker(store(), aWorker('w'), 3);
    const parent = await store().add(aTask('parent', { key: 'k' }));
    const child = await store().add(aTask('child \u0000 \udc80', { after: [parent.id], group: 'g' }));
    await store().setGroup('g', 3);
    await store().finished((await claimOne(store(), 'w')).lease, FAILED, 0);
    const [again] = await store().claim('w', 1);
    if (again) await store().started(again.lease, HERE);
    const rows: StoredRow[] = [];
    for await (const row of store().rows()) rows.push(JSON.parse(JSON.stringify(row)));

    const fixture = await empty();
    await using other = await fixture().open();
    expect(await other.putRows(rows, 'local')).toBe(rows.length);

    expect((await other.task(parent.id))?.state).toMatchObject({ outcome: { kind: 'lost' } });
    expect((await other.task(parent.id))?.attempts).toHaveLength(2);
    expect((await other.task(child.id))?.spec).toEqual((await store().task(child.id))?.spec);
    expect((await other.add(aTask('next'))).id).toBeGreaterThan(child.id);
    await expect(other.putRows(rows, 'local')).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(await other.problems()).toEqual([]);
    await fixture().dispose();
  });

  test('a machine that was local gets its name in the queue that others share', async () => {
    const { id } = await store().add(aTask('x'));
    const rows: StoredRow[] = [];
    for await (const row of store().rows()) rows.push(row);
    const fixture = await empty();
    await using other = await fixture().open();

    await other.putRows(rows, 'build-1');

    await startWorker(other, { ...aWorker('w'), host: 'build-1' }, 1);
    expect((await claimOne(other, 'w')).task).toMatchObject({ id, spec: { context: { host: 'build-1' } } });
    expect(await other.problems()).toEqual([]);
    await fixture().dispose();
  });

  test('rows of no table of ours are refused, and nothing is stored', async () => {
    const rows = [{ table: 'sqlite_master', row: { name: 'x' } }];

    await expect(store().putRows(rows, 'local')).rejects.toMatchObject({ code: 'BAD_DATA' });
    expect((await store().counts()).pending).toBe(0);
  });
}
