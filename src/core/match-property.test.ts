import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PROMPT, SERVICE, aSession as session, wished as task } from '../testing/match-fixture.ts';
import { laneOf, lanesOf } from './lanes.ts';
import { type Candidate, judge, match } from './match.ts';
import type { Session } from './session.ts';

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
