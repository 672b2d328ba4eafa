import { expect, test } from 'vitest';
import type { TaskSpec } from '../core/task.ts';
import {
  alive,
  aTask,
  aWorker,
  claimOne,
  dead,
  FAILED,
  HERE,
  SUCCEEDED,
  type Subject,
  startWorker,
} from './store-fixture.ts';

export function claiming({ store, fixture }: Subject): void {
  test('higher priority goes first, then the older task', async () => {
    for (const [line, priority] of [
      ['a', 1],
      ['b', 9],
      ['c', 5],
      ['d', 9],
      ['e', 1],
    ] as const) {
      await store().add(aTask(line, { priority }));
    }
    await startWorker(store(), aWorker('w'), 5);

    const claims = await store().claim('w', 5);

    expect(claims.map(({ task }) => task.spec.payload)).toEqual(
      ['b', 'd', 'c', 'a', 'e'].map((line) => ({ kind: 'line', line })),
    );
  });

  test('no more tasks are claimed than there are idle sessions, nor than asked for', async () => {
    for (let count = 0; count < 5; count += 1) await store().add(aTask());
    await startWorker(store(), aWorker('w'), 3);

    expect(await store().claim('w', 2)).toHaveLength(2);
    expect(await store().claim('w', 9)).toHaveLength(1);
    expect(await store().claim('w', 9)).toHaveLength(0);
  });

  test('eight workers that claim at once get each task exactly once', async () => {
    const workers = await Promise.all(
      Array.from({ length: 8 }, async (_, number) => {
        const handle = await fixture().open();
        await startWorker(handle, aWorker(`w${number}`, number), 2);
        return { handle, name: `w${number}` };
      }),
    );
    await Promise.all(Array.from({ length: 100 }, (_, count) => store().add(aTask(`${count}`))));

    const rounds = await Promise.all(
      workers.map(async ({ handle, name }) => {
        const done: number[] = [];
        for (;;) {
          const claims = await handle.claim(name, 2);
          if (claims.length === 0) return done;
          for (const { lease } of claims) {
            await handle.started(lease, HERE);
            expect(await handle.finished(lease, SUCCEEDED, null)).toBe('kept');
            done.push(lease.taskId);
          }
        }
      }),
    );

    const ids = rounds.flat();
    expect(new Set(ids).size).toBe(100);
    expect(ids).toHaveLength(100);
    expect(await store().counts()).toEqual({ pending: 0, assigned: 0, running: 0, finished: 100 });
  });

  test('a task for another host is left alone', async () => {
    await store().add({ ...aTask(), context: { ...aTask().context, host: 'build-1' } });
    await startWorker(store(), aWorker('w'), 1);

    expect(await store().claim('w', 1)).toEqual([]);
  });

  test('a targeted task waits for its session and holds up nobody', async () => {
    const targeted = await store().add(aTask('a', { target: 'w/slot-2', priority: 10 }));
    await store().add(aTask('b', { target: 'nowhere', priority: 10 }));
    const other = await store().add(aTask('c'));
    await startWorker(store(), aWorker('w'), 2);

    const claims = await store().claim('w', 2);

    expect(claims.map(({ lease }) => [lease.taskId, lease.session])).toEqual([
      [targeted.id, 'w/slot-2'],
      [other.id, 'w/slot-1'],
    ]);
  });

  test('a prompt goes to the terminal session of its provider, not to a headless slot', async () => {
    const prompt: TaskSpec = { ...aTask(), payload: { kind: 'prompt', text: 'hello', provider: 'codex' } };
    await store().add(prompt);
    await startWorker(store(), aWorker('w'), 2);
    await store().putSession({ name: 'a', host: 'local', kind: 'tmux', provider: 'claude', worker: null });
    expect(await store().claim('w', 9)).toEqual([]);
    await store().putSession({ name: 'b', host: 'local', kind: 'tmux', provider: 'codex', worker: null });

    expect((await claimOne(store(), 'w')).lease.session).toBe('b');
  });

  test('tasks that no idle session may run never starve the one behind them', async () => {
    const inSession = { kind: 'prompt', text: 'x', provider: null } as const;
    const elsewhere = { ...aTask().context, gitBranch: 'other' };
    for (let count = 0; count < 20; count += 1) {
      await store().add({ ...aTask(), payload: inSession, context: elsewhere });
    }
    const last = await store().add({ ...aTask(), payload: inSession });
    await startWorker(store(), aWorker('w'), 0);
    await store().putSession({ name: 's', host: 'local', kind: 'tmux', provider: null, worker: null });
    await store().updateSession('s', { gitBranch: 'main' });

    expect((await claimOne(store(), 'w')).lease.taskId).toBe(last.id);
  });

  test('a delayed task waits for its time', async () => {
    await store().add(aTask('later', { delayMs: 60_000 }));
    await startWorker(store(), aWorker('w'), 1);

    expect(await store().claim('w', 1)).toEqual([]);
    fixture().advance(60_001);
    expect(await store().claim('w', 1)).toHaveLength(1);
  });

  test('a group never has more tasks under way than its limit', async () => {
    await store().setGroup('gpu', 2);
    for (let count = 0; count < 4; count += 1) await store().add(aTask('train', { group: 'gpu' }));
    const free = await store().add(aTask('lint'));
    await startWorker(store(), aWorker('w'), 5);

    const claims = await store().claim('w', 5);

    expect(claims).toHaveLength(3);
    expect(claims.at(-1)?.lease.taskId).toBe(free.id);
  });

  test('a worker that is not registered cannot claim', async () => {
    await expect(store().claim('nobody', 1)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
}

export function leases({ store, fixture }: Subject): void {
  test('a worker that lost its lease cannot write the outcome', async () => {
    await store().add(aTask());
    await startWorker(store(), aWorker('w', 1), 1);
    const first = await claimOne(store(), 'w');
    await store().started(first.lease, HERE);
    const successor = await fixture().open();
    await startWorker(successor, aWorker('w', 2), 1);
    const [adopted] = await successor.adopt('w');

    expect(adopted?.lease.fence).toBeGreaterThan(first.lease.fence);
    expect(await store().finished(first.lease, FAILED, null)).toBe('lost');
    expect(await store().started(first.lease, HERE)).toBe('lost');
    expect(await store().claim('w', 1)).toEqual([]);
    expect((await store().heartbeat('w')).kept).toBe(false);
    if (adopted) expect(await successor.finished(adopted.lease, SUCCEEDED, null)).toBe('kept');
    expect((await store().task(first.task.id))?.state).toMatchObject({ outcome: SUCCEEDED });
  });

  test('a name that a living worker holds is refused, with its process id', async () => {
    await store().registerWorker(aWorker('w', 4711), dead);

    const second = store().registerWorker(aWorker('w', 2), alive);

    await expect(second).rejects.toMatchObject({
      code: 'WORKER_RUNNING',
      message: expect.stringContaining('4711'),
    });
    expect((await store().workers()).map(({ pid }) => pid)).toEqual([4711]);
  });

  test('a worker that left by itself frees its name', async () => {
    await store().registerWorker(aWorker('w', 1), dead);
    await store().unregisterWorker('w');

    await (await fixture().open()).registerWorker(aWorker('w', 2), alive);

    expect((await store().workers()).map(({ pid }) => pid)).toEqual([2]);
  });

  test('a heartbeat brings the stops that were asked for', async () => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const claim = await claimOne(store(), 'w');
    await store().started(claim.lease, HERE);
    expect(await store().heartbeat('w')).toEqual({ kept: true, stops: [] });

    expect(await (await fixture().open()).requestStop(id, 'cancelled', 'me')).toBe('stopping');

    expect(await store().heartbeat('w')).toEqual({
      kept: true,
      stops: [{ taskId: id, reason: 'cancelled' }],
    });
  });

  test('a stop that came before the start is seen by the start, and nothing runs', async () => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const claim = await claimOne(store(), 'w');
    await store().requestStop(id, 'cancelled', 'me');

    expect(await store().started(claim.lease, HERE)).toBe('stop_requested');
    expect((await store().task(id))?.state.name).toBe('assigned');
  });

  test('a released task is pending again and the attempt does not count', async () => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const claim = await claimOne(store(), 'w');

    expect(await store().release(claim.lease, 'shutting down')).toBe('kept');
    expect(await store().release(claim.lease, 'shutting down')).toBe('lost');

    expect((await store().task(id))?.attempts).toEqual([]);
    expect((await claimOne(store(), 'w')).lease).toMatchObject({ attempt: 1, fence: claim.lease.fence + 1 });
  });
}
