import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ComposeMount, ComposeProject, ComposeService } from '../core/detection.ts';
import { chooseService, requireService, type ServiceEvidence } from './service.ts';

function service(name: string, facts: Partial<ComposeService> = {}): ComposeService {
  return {
    name,
    image: null,
    build: null,
    profiles: [],
    enabled: true,
    volumes: [],
    tmpfs: [],
    workingDir: null,
    user: null,
    containerName: null,
    dependsOn: [],
    ...facts,
  };
}

function project(...services: ComposeService[]): ComposeProject {
  return { dir: '/p', files: ['/p/compose.yaml'], name: 'p', services, activeProfiles: [], warnings: [] };
}

const built = (context: string) => ({ build: { context, dockerfile: null } });
const bind = (source: string, target = '/app'): ComposeMount => ({
  type: 'bind',
  source,
  target,
  readOnly: false,
});

function choose(of: ComposeProject, evidence: Partial<ServiceEvidence> = {}) {
  return chooseService(of, {
    workdir: '/p',
    realpath: (path) => path,
    wanted: null,
    setting: null,
    devcontainer: null,
    ...evidence,
  });
}

/** `web`, or `ambiguous web,worker`, or `none`. */
function answer(choice: ReturnType<typeof choose>): string {
  if (choice.kind === 'chosen') return choice.service.name;
  return choice.kind === 'ambiguous' ? `ambiguous ${choice.names.join()}` : choice.kind;
}

describe('a name that was given', () => {
  const two = project(service('db', { image: 'postgres' }), service('web', built('/p')));

  test('the option beats berth.yaml, which beats devcontainer.json, which beats all evidence', () => {
    expect(answer(choose(two, { wanted: 'db', setting: 'web', devcontainer: 'web' }))).toBe('db');
    expect(answer(choose(two, { setting: 'db', devcontainer: 'web' }))).toBe('db');
    expect(answer(choose(two, { devcontainer: 'db' }))).toBe('db');
    expect(answer(choose(two))).toBe('web');
  });

  test('a service behind an inactive profile can be named', () => {
    const debug = project(
      service('debug', { profiles: ['debug'], enabled: false }),
      service('web', built('/p')),
    );
    expect(answer(choose(debug, { wanted: 'debug' }))).toBe('debug');
  });

  test('a name that the project lacks is an error that lists the names it has', () => {
    expect(() => requireService(choose(two, { wanted: 'wbe' }), two)).toThrow(
      expect.objectContaining({
        code: 'SERVICE_NOT_FOUND',
        message: expect.stringContaining('"wbe"'),
        hint: 'It has: db, web.',
      }),
    );
  });
});

describe('evidence', () => {
  test('a bind mount that covers the directory beats a build context that holds it', () => {
    const of = project(service('app', { volumes: [bind('/p')] }), service('tool', built('/p')));
    expect(choose(of, { workdir: '/p/src' })).toMatchObject({
      service: { name: 'app' },
      reason: 'its bind mount covers the directory',
      rejected: [{ name: 'tool', reason: 'no bind mount of it covers the directory' }],
    });
  });

  test('a more specific mount beats the mount of the whole project', () => {
    const of = project(
      service('all', { volumes: [bind('/p')] }),
      service('api', { volumes: [bind('/p/api')] }),
    );
    expect(answer(choose(of, { workdir: '/p/api/src' }))).toBe('api');
    expect(answer(choose(of, { workdir: '/p/web' }))).toBe('all');
  });

  test('a mount below the directory does not cover it, and a sibling with the same beginning neither', () => {
    const of = project(
      service('a', { volumes: [bind('/p/api')] }),
      service('b', { volumes: [bind('/p/ap')] }),
    );
    expect(answer(choose(of, { workdir: '/p/apis' }))).toBe('ambiguous a,b');
  });

  test('a mount given through a symlink covers the real directory', () => {
    const realpath = (path: string) => path.replace(/^\/link/, '/p');
    const of = project(service('a', { volumes: [bind('/link/api')] }), service('b', built('/p')));
    expect(answer(choose(of, { workdir: '/p/api', realpath }))).toBe('a');
  });

  test('of two that mount the directory, the one that is built from it wins', () => {
    const of = project(
      service('web', { ...built('/p'), volumes: [bind('/p')] }),
      service('worker', { image: 'p-web', volumes: [bind('/p')] }),
    );
    expect(answer(choose(of))).toBe('web');
  });

  test('in a leaf directory the service that is built from it wins', () => {
    const of = project(service('api', built('/p/api')), service('web', built('/p/web')));
    expect(choose(of, { workdir: '/p/web' })).toMatchObject({
      service: { name: 'web' },
      reason: 'its build context is or holds the directory',
    });
  });

  test('the only service that is built here wins over images', () => {
    const of = project(service('api', built('/p/api')), service('mail', { image: 'acme/mail' }));
    expect(choose(of)).toMatchObject({
      service: { name: 'api' },
      reason: 'it is the only service that is built here',
    });
  });

  test('a build context that is a URL holds no directory', () => {
    const of = project(
      service('a', built('https://example.org/a.git')),
      service('b', built('https://example.org/b.git')),
    );
    expect(answer(choose(of))).toBe('ambiguous a,b');
  });
});

describe('what stands behind the application', () => {
  test('a database that mounts the project loses against the application', () => {
    const of = project(
      service('db', { image: 'docker.io/library/postgres:16@sha256:00', volumes: [bind('/p')] }),
      service('web', { image: 'acme/web' }),
    );
    expect(choose(of)).toMatchObject({
      service: { name: 'web' },
      reason: 'it is the only service that is on and is no database, cache, broker or proxy',
      rejected: [{ name: 'db', reason: expect.stringContaining('is a database') }],
    });
  });

  test('a project of nothing but databases and proxies has no answer', () => {
    const of = project(
      service('cache', { image: 'bitnami/redis:7' }),
      service('proxy', { image: 'nginx:alpine' }),
    );
    expect(answer(choose(of))).toBe('none');
    expect(() => requireService(choose(of), of)).toThrow(
      expect.objectContaining({
        code: 'CONTEXT_AMBIGUOUS',
        hint: 'Name one with --container-service: cache, proxy.',
      }),
    );
  });

  test('an image that is built here is the project’s own, whatever its name', () => {
    expect(answer(choose(project(service('db', { ...built('/p'), image: 'mysql' }))))).toBe('db');
  });

  test('a common last word counts only in the repository it is known from', () => {
    expect(answer(choose(project(service('api', { image: 'acme/server' }))))).toBe('api');
    expect(answer(choose(project(service('db', { image: 'mcr.microsoft.com/mssql/server:2022' }))))).toBe(
      'none',
    );
  });

  test('a registry with a port is not taken for a tag', () => {
    expect(answer(choose(project(service('c', { image: 'registry:5000/cache/redis' }))))).toBe('none');
  });
});

test('a tie names both and the option that decides', () => {
  const of = project(
    service('web', { ...built('/p'), volumes: [bind('/p')] }),
    service('worker', { ...built('/p'), volumes: [bind('/p')] }),
  );
  expect(() => requireService(choose(of), of)).toThrow(
    expect.objectContaining({
      code: 'CONTEXT_AMBIGUOUS',
      message: expect.stringContaining('"web" and "worker"'),
      hint: 'Name one: --container-service web or --container-service worker.',
    }),
  );
});

test('a service behind an inactive profile is not chosen, and its profile is the reason', () => {
  const of = project(
    service('debug', { ...built('/p'), profiles: ['debug'], enabled: false }),
    service('web', { image: 'acme/web' }),
  );
  expect(choose(of)).toMatchObject({
    service: { name: 'web' },
    rejected: [{ name: 'debug', reason: 'its profile "debug" is not active' }],
  });
});

test('every service is chosen, tied or rejected with a reason, in any order of the file', () => {
  const anyService = fc.record({
    image: fc.constantFrom(null, 'redis', 'acme/x'),
    context: fc.constantFrom(null, '/p', '/p/a', '/q'),
    mount: fc.constantFrom(null, '/p', '/p/a', '/q'),
    enabled: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyService, { maxLength: 5 }), fc.constantFrom('/p', '/p/a/b'), (facts, workdir) => {
      const services = facts.map((fact, index) =>
        service(`s${index}`, {
          image: fact.image,
          build: fact.context === null ? null : { context: fact.context, dockerfile: null },
          volumes: fact.mount === null ? [] : [bind(fact.mount)],
          enabled: fact.enabled,
          profiles: fact.enabled ? [] : ['x'],
        }),
      );
      const choice = choose(project(...services), { workdir });
      const backwards = choose(project(...services.toReversed()), { workdir });
      if (choice.kind === 'unknown' || backwards.kind === 'unknown') throw new Error('nothing was named');

      const kept =
        choice.kind === 'chosen' ? [choice.service.name] : choice.kind === 'none' ? [] : choice.names;
      const all = [...kept, ...choice.rejected.map(({ name }) => name)].sort();
      expect(all).toEqual(services.map(({ name }) => name).sort());
      expect(choice.rejected.every(({ reason }) => reason !== '')).toBe(true);
      expect(answer(backwards).split(/[ ,]/).sort()).toEqual(answer(choice).split(/[ ,]/).sort());
    }),
  );
});
