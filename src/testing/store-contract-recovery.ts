import { expect, test } from 'vitest';
import {
  alive,
  aTask,
  aWorker,
  claimOne,
  dead,
  HERE,
  SUCCEEDED,
  type Subject,
  startWorker,
} from './store-fixture.ts';

export function recovery({ store, fixture }: Subject): void {
  test('the next worker of the name goes on with what runs, and what had not started is pending again', async () => {
    await store().add(aTask('a'));
    await store().add(aTask('b'));
    await startWorker(store(), aWorker('w', 1), 2);
    const [running, assigned] = await store().claim('w', 2);
    if (!running || !assigned) throw new Error('two claims');
    await store().started(running.lease, HERE);

    const successor = await fixture().open();
    await startWorker(successor, aWorker('w', 2), 2);
    const adopted = await successor.adopt('w');

    expect(adopted).toMatchObject([
      { lease: { taskId: running.lease.taskId, attempt: 1 }, attempt: { number: 1, context: HERE } },
    ]);
    expect((await successor.task(assigned.lease.taskId))?.state.name).toBe('pending');
    expect(await successor.adopt('w')).toEqual([]);
  });

  test('what a worker left behind by itself is adopted as well', async () => {
    await store().add(aTask());
    await startWorker(store(), aWorker('w', 1), 1);
    const { lease } = await claimOne(store(), 'w');
    await store().started(lease, HERE);
    await store().unregisterWorker('w');

    const successor = await fixture().open();
    await startWorker(successor, aWorker('w', 2), 1);

    expect(await successor.adopt('w')).toMatchObject([{ lease: { taskId: lease.taskId } }]);
  });

  test("another worker's tasks are taken over when its lease has ended and its process is gone", async () => {
    await store().add(aTask());
    await startWorker(store(), aWorker('a', 1), 1);
    const { lease } = await claimOne(store(), 'a');
    await store().started(lease, HERE);
    const other = await fixture().open();
    await startWorker(other, aWorker('b', 2), 1);

    expect(await other.adopt('b', dead)).toEqual([]);
    fixture().advance(31_000);
    expect(await other.adopt('b', alive)).toEqual([]);
    expect(await other.adopt('b')).toEqual([]);
    const adopted = await other.adopt('b', dead);

    expect(adopted).toMatchObject([{ lease: { taskId: lease.taskId, worker: 'b' } }]);
    expect(await store().finished(lease, SUCCEEDED, null)).toBe('lost');
  });

  test('a foreground run whose process died is taken over by the worker of its host', async () => {
    const run = await store().addRunning(aTask(), { host: 'local', worker: aWorker('run', 9) });
    fixture().advance(31_000);
    const other = await fixture().open();
    await startWorker(other, aWorker('w', 2), 1);

    expect(await other.adopt('w', dead)).toMatchObject([{ lease: { taskId: run.task.id, worker: 'w' } }]);
  });

  test('a task that three workers did not survive taking is set aside', async () => {
    const { id } = await store().add(aTask());
    for (const pid of [1, 2, 3, 4]) {
      const worker = await fixture().open();
      await startWorker(worker, aWorker('w', pid), 1);
      await worker.adopt('w');
      if (pid < 4) await claimOne(worker, 'w');
    }

    expect((await store().task(id))?.state).toMatchObject({
      outcome: { kind: 'lost', cause: expect.stringContaining('set aside') },
    });
  });

  test('a task that runs is adopted however many workers die: its run tells how it ended', async () => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w', 1), 1);
    await store().started((await claimOne(store(), 'w')).lease, HERE);
    for (const pid of [2, 3, 4, 5, 6]) {
      const worker = await fixture().open();
      await startWorker(worker, aWorker('w', pid), 1);
      expect(await worker.adopt('w')).toMatchObject([{ lease: { taskId: id, attempt: 1 } }]);
    }
  });

  test('slots that a worker no longer has are not used when their task ends', async () => {
    for (let count = 0; count < 4; count += 1) await store().add(aTask());
    await startWorker(store(), aWorker('w', 1), 2);
    for (const { lease } of await store().claim('w', 2)) await store().started(lease, HERE);
    const successor = await fixture().open();
    await startWorker(successor, aWorker('w', 2), 1);
    for (const { lease } of await successor.adopt('w')) await successor.finished(lease, SUCCEEDED, null);

    expect(await successor.claim('w', 9)).toMatchObject([{ lease: { session: 'w/slot-1' } }]);
  });
}

export function sessions({ store, fixture }: Subject): void {
  test('a session is busy with its task, knows its context, and is idle afterwards', async () => {
    const { id } = await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const { lease } = await claimOne(store(), 'w');
    await store().started(lease, HERE);

    expect(await store().sessions()).toMatchObject([
      {
        status: 'busy',
        currentTaskId: id,
        context: { currentDir: '/work', gitBranch: 'main', envVars: { STAGE: 'test' }, containerId: null },
      },
    ]);
    await store().finished(lease, SUCCEEDED, null);
    expect(await store().sessions()).toMatchObject([{ status: 'idle', currentTaskId: null }]);
  });

  test('only the facts that are given change', async () => {
    await store().putSession({ name: 's', host: 'local', kind: 'tmux', provider: null, worker: null });
    await store().updateSession('s', {
      currentDir: '/a',
      containerVolumes: { '/h': '/c' },
      gitBranch: 'main',
    });

    expect(await store().updateSession('s', { gitBranch: null, status: 'waiting_input' })).toBe(true);
    expect(await store().updateSession('nowhere', { gitBranch: null })).toBe(false);

    expect(await store().sessions()).toMatchObject([
      {
        status: 'waiting_input',
        context: { currentDir: '/a', gitBranch: null, containerVolumes: { '/h': '/c' } },
      },
    ]);
  });

  test('facts about a container are not written over those of another one', async () => {
    await store().putSession({ name: 's', host: 'local', kind: 'headless', provider: null, worker: null });
    await store().updateSession('s', { containerId: 'new', containerState: 'running' });

    expect(await store().updateSession('s', { containerId: null, containerState: 'gone' }, 'old')).toBe(
      false,
    );
    expect(await store().updateSession('s', { containerState: 'gone' }, null)).toBe(false);
    expect(await store().updateSession('s', { containerState: 'paused' }, 'new')).toBe(true);
    expect(await store().sessions()).toMatchObject([
      { context: { containerId: 'new', containerState: 'paused' } },
    ]);
    await store().updateSession('s', { containerId: null }, 'new');
    expect(await store().updateSession('s', { containerState: null }, null)).toBe(true);
  });

  test('a session that runs a task is neither removed nor made idle', async () => {
    await store().add(aTask());
    await startWorker(store(), aWorker('w'), 1);
    const { lease } = await claimOne(store(), 'w');

    expect(await store().removeSession('w/slot-1')).toBe(false);
    await store().updateSession('w/slot-1', { status: 'idle' });
    expect(await store().sessions()).toMatchObject([{ status: 'busy', currentTaskId: lease.taskId }]);
    await store().finished(lease, SUCCEEDED, null);
    expect(await store().removeSession('w/slot-1')).toBe(true);
  });

  test('foreground runs take the lowest free session, which no worker uses', async () => {
    const run = (line: string) =>
      store().addRunning(aTask(line), { host: 'local', worker: aWorker('me', 7) });
    const first = await run('a');
    const second = await run('b');
    expect([first, second].map(({ lease }) => lease.session)).toEqual(['local/run-1', 'local/run-2']);
    expect(await store().started(first.lease, HERE)).toBe('kept');
    expect((await store().heartbeat(first.lease.worker)).kept).toBe(true);
    await store().finished(first.lease, SUCCEEDED, null);
    await store().add(aTask('queued'));
    const worker = await fixture().open();
    await startWorker(worker, aWorker('w'), 0);

    expect(await worker.claim('w', 1)).toEqual([]);
    expect((await run('c')).lease.session).toBe('local/run-1');
    expect((await store().workers()).map(({ name }) => name)).toEqual(['w']);
  });
}

export function changes({ store, fixture }: Subject): void {
  test('a waiting handle learns of a commit of another one', async () => {
    const other = await fixture().open();
    const waiting = store().changed(new AbortController().signal);
    const startedAt = performance.now();
    await other.add(aTask());
    await waiting;

    expect(performance.now() - startedAt).toBeLessThan(900);
  });

  test('an aborted wait ends at once', async () => {
    const abort = new AbortController();
    const waiting = store().changed(abort.signal);
    abort.abort();

    await waiting;
    await store().changed(abort.signal);
  });
}
