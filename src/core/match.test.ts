import { describe, expect, test } from 'vitest';
import { PROMPT, SERVICE, aSession as session, wished as task } from '../testing/match-fixture.ts';
import { judge, match } from './match.ts';
import type { Session } from './session.ts';
import type { TaskSpec } from './task.ts';

const IN_APP = { context: { repository: '/work/app' } };
const IN_OTHER = { currentDir: '/work/application', gitBranch: 'main' };

const chosen = (spec: TaskSpec, sessions: readonly Session[]) =>
  match([{ id: 1, spec }], sessions)[0]?.session.name ?? null;

describe('gates', () => {
  const inWeb = session('s', {}, { containerId: 'c0ffee', containerService: 'web' });
  test.each<[string, TaskSpec, Session, string | null]>([
    ['a busy session takes nothing', task(), session('s', { status: 'busy' }), null],
    ['another host', task({ context: { host: 'build-1' } }), session('s'), null],
    ['a prompt needs a terminal', task(), session('s', { kind: 'headless' }), null],
    [
      'a prompt without a terminal takes a slot',
      task({ payload: { ...PROMPT, provider: 'codex', headless: true } }),
      session('s', { kind: 'headless' }),
      's',
    ],
    [
      'a prompt without a terminal takes no pane',
      task({ payload: { ...PROMPT, provider: 'codex', headless: true } }),
      session('s', { provider: 'codex' }),
      null,
    ],
    ['a command runs headless', task({ payload: { kind: 'line', line: 'ls' } }), session('s'), null],
    ['a target is that session', task({ queue: { target: 't' } }), session('s'), null],
    [
      'a targeted command may run in a terminal',
      task({ payload: { kind: 'line', line: 'ls' }, queue: { target: 's' } }),
      session('s'),
      's',
    ],
    [
      'another provider',
      task({ queue: { providers: ['codex'] } }),
      session('s', { provider: 'claude' }),
      null,
    ],
    ['its provider', task({ queue: { providers: ['codex'] } }), session('s', { provider: 'codex' }), 's'],
    ['a task for the host is not put into a box', task(), inWeb, null],
    ['the box that was asked for', task({ context: { container: SERVICE } }), inWeb, 's'],
    ['another box', task({ context: { container: { ...SERVICE, service: 'db' } } }), inWeb, null],
    [
      'a box named by its id',
      task({ context: { container: { ...SERVICE, service: null, name: 'c0ff' } } }),
      inWeb,
      's',
    ],
    ['another branch', task({ context: { gitBranch: 'a' } }), session('s', {}, { gitBranch: 'b' }), null],
    ['an unknown branch is settled later', task({ context: { gitBranch: 'a' } }), session('s'), 's'],
    ['a prompt for another repository', task(IN_APP), session('s', {}, IN_OTHER), null],
    [
      'a prompt for its repository',
      task(IN_APP),
      session('s', {}, { ...IN_OTHER, currentDir: '/work/app/a' }),
      's',
    ],
    ['a prompt for a session that is in none', task(IN_APP), session('s', {}, { currentDir: '/other' }), 's'],
    [
      'a command that brings its own directory, on a branch of that repository',
      task({
        payload: { kind: 'line', line: 'ls' },
        context: { ...IN_APP.context, gitBranch: 'b' },
        queue: { target: 's' },
      }),
      session('s', {}, IN_OTHER),
      's',
    ],
  ])('%s', (_name, spec, place, expected) => {
    expect(chosen(spec, [place])).toBe(expected);
  });

  test('each refusal says what was asked for', () => {
    const judgement = judge(task({ queue: { target: 'main' } }), session('s'));

    expect(judgement.gates.filter(({ refusal }) => refusal !== null)).toEqual([
      { name: 'session', refusal: 'the task waits for session "main"' },
    ]);
  });
});

describe('scores', () => {
  const at = (currentDir: string | null) => session('s', {}, { currentDir });
  test.each([
    ['/work/app', 100],
    ['/work', 50],
    ['/', 50],
    ['/work/app/src', 25],
    ['/work/application', 0],
    [null, 0],
  ])('a session in %s is worth %d', (directory, points) => {
    expect(judge(task(), at(directory)).total).toBe(points);
  });

  test('variables count up to 40, the branch 30, the container 40', () => {
    const env = { A: '1', B: '2', C: '3' };
    const place = session(
      's',
      {},
      { envVars: env, gitBranch: 'main', containerId: 'c', containerService: 'web' },
    );
    const spec = task({ context: { env, gitBranch: 'main', container: SERVICE } });

    expect(judge(spec, place).scores).toEqual([
      { name: 'environment', points: 40 },
      { name: 'branch', points: 30 },
      { name: 'container', points: 40 },
    ]);
    expect(judge(task({ context: { env }, queue: { matchContext: false } }), place).total).toBe(0);
  });

  test('the best score wins, then the one that was idle longest, then the name', () => {
    const below = session('below', {}, { currentDir: '/work/app/src' });
    const same = session('same', {}, { currentDir: '/work/app' });
    const recent = session('recent', { lastActivityMs: 9 });

    expect(chosen(task(), [below, same, recent])).toBe('same');
    expect(chosen(task(), [recent, session('older', { lastActivityMs: 3 })])).toBe('older');
    expect(chosen(task(), [session('b'), session('a')])).toBe('a');
  });

  test('without a good one a plain session is better than one that is somewhere else', () => {
    const elsewhere = session('a', {}, { currentDir: '/other' });

    expect(chosen(task(), [elsewhere, session('z')])).toBe('z');
    expect(chosen(task(), [elsewhere])).toBe('a');
  });

  test('the first provider that is named goes before a better place', () => {
    const spec = task({ queue: { providers: ['codex', 'claude'] } });
    const better = session('a', { provider: 'claude' }, { currentDir: '/work/app' });

    expect(chosen(spec, [better, session('b', { provider: 'codex' })])).toBe('b');
  });
});
