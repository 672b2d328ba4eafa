import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { NO_CONTAINER } from '../contexts/resolve/box.ts';
import type { ContextRequest, ResolvedContainer, ResolvedContext } from '../core/context.ts';
import type { Host, Spawned, SpawnOptions } from '../core/host.ts';
import type { Place, Runtime } from '../core/runtime.ts';
import { localHost } from '../hosts/local.ts';
import { headStart } from './head-start.ts';

// The boxes are directories of this machine, entered by a real shell in each.

const STREAMS = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', detached: true } as const;
const folder = mkdtempSync(join(tmpdir(), 'berth-head-start-'));
afterAll(() => rmSync(folder, { recursive: true }));

const directories: Runtime = {
  kind: 'docker',
  prepare: () => Promise.reject(new Error('not asked for')),
  enter: ({ id }, { argv, env }) => ({ argv, cwd: id, env }),
  postmortem: () => Promise.reject(new Error('not asked for')),
  dispose: async () => {},
};

function begin(resolved: Promise<ResolvedContext>, streams: SpawnOptions = STREAMS, runtime = directories) {
  const children: Spawned[] = [];
  const host: Host = {
    ...localHost(),
    spawn: (command, options) => {
      const child = localHost().spawn(command, options);
      children.push(child);
      return child;
    },
  };
  const deps = { host, runtime: () => runtime, resolve: () => resolved };
  return { head: headStart(deps, request(), streams), children };
}

test('what was entered early is what the run gets, and it waits for its script', async () => {
  const { head, children } = begin(Promise.resolve(contextIn(folder)));
  await head.begun;
  const child = await head.enter(directories, placeIn(folder), STREAMS);
  expect(children.map(({ pid }) => pid)).toEqual([child.pid]);
  child.stdin?.end('pwd\n');
  expect(await textOf(child.stdout)).toBe(`${folder}\n`);
});

test('a run that turns out to be elsewhere enters there, and what was entered early ends', async () => {
  const { head, children } = begin(Promise.resolve(contextIn(folder)));
  await head.begun;
  const child = await head.enter(directories, placeIn('/'), STREAMS);
  expect(children).toHaveLength(2);
  child.stdin?.end('pwd\n');
  expect(await textOf(child.stdout)).toBe('/\n');
  await children[0]?.ended;
});

test('what a client of a cluster would drop comes by a pipe from the start', async () => {
  const place: Place = { ...placeIn(folder), runtime: 'kubernetes' };
  const container: ResolvedContainer = { ...containerIn(folder), type: 'kubernetes', runtime: 'kubernetes' };
  const resolved = Promise.resolve({ ...contextIn(folder), container });
  const { head, children } = begin(resolved, { ...STREAMS, stdout: 'inherit' });
  await head.begun;
  const child = await head.enter(directories, place, STREAMS);
  expect(children.map(({ pid }) => pid)).toEqual([child.pid]);
  child.stdin?.end('pwd\n');
  expect(await textOf(child.stdout)).toBe(`${folder}\n`);
});

test('a run with other streams has a client of its own', async () => {
  const { head, children } = begin(Promise.resolve(contextIn(folder)));
  await head.begun;
  const child = await head.enter(directories, placeIn(folder), { ...STREAMS, stderr: 'ignore' });
  expect(child).toBe(children[1]);
  child.stdin?.end();
  await Promise.all(children.map(({ ended }) => ended));
});

test('what is abandoned ends without having run anything', async () => {
  const { head, children } = begin(Promise.resolve(contextIn(folder)));
  await head.begun;
  head.abandon();
  expect(await children[0]?.ended).toMatchObject({ code: expect.toSatisfy((code) => code !== 0) });
});

test('what a client said that ended before it was needed is not lost', async () => {
  const refusing: Runtime = {
    ...directories,
    enter: () => ({ argv: ['sh', '-c', 'echo no such user >&2; exit 125'], cwd: folder, env: {} }),
  };
  const { head, children } = begin(Promise.resolve(contextIn(folder)), STREAMS, refusing);
  await head.begun;
  await children[0]?.ended;
  await new Promise((resolve) => setImmediate(resolve));
  const { stderr, ended } = await head.enter(refusing, placeIn(folder), STREAMS);
  expect(await textOf(stderr)).toBe('no such user\n');
  expect(await ended).toMatchObject({ code: 125 });
});

test('without a container that runs nothing is entered early', async () => {
  const { head, children } = begin(Promise.resolve({ ...contextIn(folder), container: null }));
  await head.begun;
  expect(children).toEqual([]);
});

test('a place that cannot be had is told to whoever waits for it', async () => {
  const { head } = begin(Promise.reject(new Error('there is none')));
  await head.begun;
  await expect(head.resolved).rejects.toThrow('there is none');
});

test('an engine that answers late does not keep the queue waiting', async () => {
  let answer = (_context: ResolvedContext) => {};
  const { head } = begin(
    new Promise((resolve) => {
      answer = resolve;
    }),
  );
  await head.begun;
  answer(contextIn(folder));
  expect(await head.resolved).toMatchObject({ dir: { host: folder } });
  head.abandon();
});

function placeIn(directory: string): Place {
  return { runtime: 'docker', id: directory, owned: false, container: containerIn(directory), user: null };
}

function containerIn(directory: string): ResolvedContainer {
  return {
    ...NO_CONTAINER,
    type: 'docker',
    runtime: 'docker',
    engine: 'docker',
    id: directory,
    reason: 'It is there.',
  };
}

function contextIn(directory: string): ResolvedContext {
  return {
    host: 'local',
    dir: { host: directory, target: directory },
    container: containerIn(directory),
    user: null,
    env: {},
    toolchain: null,
    git: null,
    prereqs: [],
    warnings: [],
  };
}

function request(): ContextRequest {
  return {
    host: 'local',
    workdir: folder,
    env: {},
    prereqs: [],
    gitBranch: null,
    worktree: false,
    venv: { kind: 'off' },
    container: null,
  };
}

async function textOf(stream: Spawned['stdout']): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += chunk;
  return text;
}
