import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ContainerRequest, ContextRequest } from './context.ts';
import { type Candidate, judge, laneOf, lanesOf, match } from './match.ts';
import { EMPTY_CONTEXT, type Session, type SessionContext } from './session.ts';
import type { Payload, QueueRequest, TaskSpec } from './task.ts';

interface Wish {
  readonly payload?: Payload;
  readonly context?: Partial<ContextRequest>;
  readonly queue?: Partial<QueueRequest>;
}

const PROMPT: Payload = { kind: 'prompt', text: 'fix it', provider: null };

function task({ payload, context, queue }: Wish = {}): TaskSpec {
  return {
    payload: payload ?? PROMPT,
    context: {
      host: 'local',
      workdir: '/work/app',
      env: {},
      prereqs: [],
      gitBranch: null,
      worktree: false,
      venv: { kind: 'off' },
      container: null,
      ...context,
    },
    queue: {
      priority: 5,
      timeoutMs: null,
      idleTimeoutMs: null,
      graceMs: 10_000,
      retries: 0,
      onLost: 'hold',
      delayMs: 0,
      key: null,
      group: null,
      after: [],
      target: null,
      providers: [],
      matchContext: true,
      ...queue,
    },
  };
}

function session(name: string, facts: Partial<Session> = {}, context: Partial<SessionContext> = {}): Session {
  return {
    name,
    host: 'local',
    kind: 'tmux',
    status: 'idle',
    provider: null,
    currentTaskId: null,
    lastActivityMs: 0,
    lastContextUpdateMs: 0,
    ...facts,
    context: { ...EMPTY_CONTEXT, ...context },
  };
}

const SERVICE: ContainerRequest = {
  mode: 'explicit',
  type: null,
  image: null,
  service: 'web',
  name: null,
  kubernetes: null,
  volumes: [],
  ports: [],
  user: null,
  engineArgs: [],
  allowHost: false,
  start: false,
  build: false,
};

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

/** Task by task and session by session, as the words say it. */
function matchOneByOne(tasks: readonly Candidate[], sessions: readonly Session[], paused: readonly string[]) {
  const idle = sessions.filter(({ status }) => status === 'idle');
  return tasks.flatMap((candidate) => {
    const passed = idle.filter((place) => judge(candidate.spec, place, paused).passed);
    const alone = passed.reduce<Session | null>(
      (one, other) => (one === null ? other : (match([candidate], [one, other], paused)[0]?.session ?? one)),
      null,
    );
    if (alone === null) return [];
    idle.splice(idle.indexOf(alone), 1);
    return [[candidate.id, alone.name]];
  });
}

describe('any tasks and sessions', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'd');
  const host = fc.constantFrom('local', 'build-1');
  const provider = fc.option(fc.constantFrom('claude', 'codex'), { nil: null });
  const directory = fc.constantFrom('/work', '/work/app', '/other');
  const branch = fc.option(fc.constantFrom('main', 'next'), { nil: null });
  const service = fc.option(fc.constantFrom('web', 'db'), { nil: null });
  const tasks = fc.array(
    fc.record({
      host,
      directory,
      provider,
      branch,
      service,
      repository: fc.option(fc.constantFrom('/work/app', '/other'), { nil: undefined }),
      target: fc.option(names, { nil: null }),
      terminal: fc.boolean(),
      headless: fc.boolean(),
    }),
    { maxLength: 8 },
  );
  const sessions = fc.uniqueArray(
    fc.record({
      name: names,
      host,
      provider,
      directory,
      branch,
      service,
      headless: fc.boolean(),
      busy: fc.boolean(),
    }),
    { selector: ({ name }) => name },
  );
  const world = fc.tuple(tasks, sessions).map(([wishes, places]) => ({
    candidates: wishes.map((wish, at) => ({
      id: at + 1,
      spec: task({
        payload: wish.terminal
          ? { ...PROMPT, provider: wish.provider, headless: wish.headless }
          : { kind: 'line', line: 'ls' },
        context: {
          host: wish.host,
          workdir: wish.directory,
          gitBranch: wish.branch,
          repository: wish.repository,
          container: wish.service === null ? null : { ...SERVICE, service: wish.service },
        },
        queue: { target: wish.target },
      }),
    })),
    places: places.map((place) =>
      session(
        place.name,
        {
          host: place.host,
          provider: place.headless ? null : place.provider,
          kind: place.headless ? 'headless' : 'tmux',
          status: place.busy ? 'busy' : 'idle',
        },
        {
          currentDir: place.directory,
          gitBranch: place.branch,
          ...(place.service !== null && { containerId: 'c0ffee', containerService: place.service }),
        },
      ),
    ),
  }));

  test('no session gets two tasks, and no task that an idle session would take is left out for a later one', () => {
    fc.assert(
      fc.property(world, ({ candidates, places }) => {
        const matches = match(candidates, places);
        const used = matches.map(({ session: { name } }) => name);
        expect(new Set(used).size).toBe(used.length);
        const before: string[] = [];
        for (const candidate of candidates) {
          const found = matches.find(({ task: { id } }) => id === candidate.id);
          const free = places.filter(({ name, status }) => status === 'idle' && !before.includes(name));
          expect(found !== undefined).toBe(free.some((place) => judge(candidate.spec, place).passed));
          if (found) before.push(found.session.name);
        }
      }),
    );
  });

  test('what is looked at together is decided as if each task were looked at alone', () => {
    fc.assert(
      fc.property(
        world,
        fc.constantFrom([], ['claude'], ['codex', 'claude']),
        ({ candidates, places }, paused) => {
          const together = match(candidates, places, paused).map((one) => [one.task.id, one.session.name]);
          expect(together).toEqual(matchOneByOne(candidates, places, paused));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('no task lands in a session that is busy or fails a gate', () => {
    fc.assert(
      fc.property(world, ({ candidates, places }) => {
        for (const { task: taken, session: place } of match(candidates, places)) {
          expect(place.status).toBe('idle');
          expect(judge(taken.spec, place).gates.filter(({ refusal }) => refusal !== null)).toEqual([]);
        }
      }),
    );
  });

  test('the order of the sessions does not matter, so every worker decides the same', () => {
    fc.assert(
      fc.property(world, ({ candidates, places }) => {
        const pairs = (order: readonly Session[]) =>
          match(candidates, order).map(({ task: { id }, session: { name } }) => [id, name]);
        expect(pairs([...places].reverse())).toEqual(pairs(places));
      }),
    );
  });

  test('a task that passes the gates of a session is in one of its lanes', () => {
    fc.assert(
      fc.property(world, ({ candidates, places }) => {
        for (const { spec } of candidates) {
          for (const place of places) {
            if (judge(spec, place).passed) expect(lanesOf(place)).toContain(laneOf(spec));
          }
        }
      }),
    );
  });
});
