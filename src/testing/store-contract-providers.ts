import { expect, test } from 'vitest';
import type { TaskSpec } from '../core/task.ts';
import { aTask, aWorker, claimOne, HERE, type Subject, startWorker } from './store-fixture.ts';

export function providers({ store, fixture }: Subject): void {
  test('the limit of a provider holds its prompts until the time given, and nothing else', async () => {
    await startWorker(store(), aWorker('w'), 3);
    const held = await store().add(aPrompt(['claude']));
    const other = await store().add(aPrompt(['claude', 'codex']));
    const command = await store().add(aTask('make'));
    const nowMs = (await store().task(held.id))?.createdAtMs ?? 0;
    await store().pause({
      kind: 'provider',
      name: 'claude',
      limit: { untilMs: nowMs + 60_000, reason: 'x' },
    });

    expect(idsOf(await store().claim('w', 3))).toEqual([other.id, command.id]);
    expect(await store().claim('w', 3)).toEqual([]);
    fixture().advance(60_001);
    await store().heartbeat('w');
    expect(idsOf(await store().claim('w', 3))).toEqual([held.id]);
  });

  test('a limit is only ever extended, and a pause by hand has no end', async () => {
    const claude = { kind: 'provider', name: 'claude' } as const;
    const { id } = await store().add(aTask());
    const nowMs = (await store().task(id))?.createdAtMs ?? 0;
    const limit = (minutes: number) => ({
      ...claude,
      limit: { untilMs: nowMs + minutes * 60_000, reason: 'x' },
    });

    expect(await store().pause(limit(10))).toBe(true);
    expect(await store().pause(limit(5))).toBe(false);
    expect(await store().pause(limit(20))).toBe(true);
    expect(await store().pauses()).toEqual([limit(20)]);
    expect(await store().pause({ ...claude, limit: null })).toBe(true);
    expect(await store().pause(limit(30))).toBe(false);
    expect(await store().pauses()).toEqual([{ ...claude, limit: null }]);
    expect(await store().resume({ ...claude, limit: null })).toBe(true);
    expect(await store().pauses()).toEqual([]);
  });

  test('a run adds lines to the history of its task, as long as it is the one that runs', async () => {
    await startWorker(store(), aWorker('w'), 1);
    const { id } = await store().add(aTask());
    const { lease } = await claimOne(store(), 'w');
    await store().started(lease, HERE);
    await store().note({ taskId: id, attempt: 1, kind: 'waiting_input', reason: 'a question' });
    await store().note({ taskId: id, attempt: 2, kind: 'waiting_input', reason: 'of nobody' });

    const told = (await store().events(id)).filter(({ kind }) => kind === 'waiting_input');
    expect(told).toMatchObject([{ worker: 'w', reason: 'a question' }]);
  });
}

function aPrompt(names: readonly string[]): TaskSpec {
  const task = aTask('', { providers: names });
  return { ...task, payload: { kind: 'prompt', text: 'hello', provider: null, headless: true } };
}

function idsOf(claims: readonly { readonly task: { readonly id: number } }[]): readonly number[] {
  return claims.map(({ task }) => task.id);
}
