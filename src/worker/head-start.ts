import { PassThrough } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import type { Command } from '../core/command.ts';
import type { ContextRequest, ResolvedContext } from '../core/context.ts';
import type { Host, Spawned, SpawnOptions } from '../core/host.ts';
import type { Place, Runtime } from '../core/runtime.ts';
import type { RunDeps } from './deps.ts';
import { entryOf, placeOf, streamsInto } from './plan.ts';

/**
 * A resolution under way, and the entry into what it found. An engine takes longer to enter a container than all else
 * of a short run takes, so it is asked as soon as the container is known: for a shell that waits for its script and
 * does nothing without one. Meanwhile the queue is opened and the place is looked at again.
 */
export interface HeadStart {
  readonly resolved: Promise<ResolvedContext>;
  /** Resolves when the queue may be turned to, at the latest after 100 ms: how long a slow engine takes is then in it. */
  readonly begun: Promise<void>;
  /** A shell in the place that reads its script on stdin: the one that is there already, where it is just this. */
  enter(runtime: Runtime, place: Place, streams: SpawnOptions): Promise<Spawned>;
  /** Nothing is entered any more. */
  abandon(): void;
}

type Deps = Pick<RunDeps, 'host' | 'resolve' | 'runtime'>;

/** @param streams  those that the run is going to need */
export function headStart(deps: Deps, request: ContextRequest, streams: SpawnOptions): HeadStart {
  let early: Entered | null = null;
  const begin = ({ container, ...context }: ResolvedContext) => {
    // a Job is not there yet; a pod is resolved when its cluster has said that it may be entered
    if (!container?.id) return;
    const place = placeOf({ container, ...context });
    const runtime = deps.runtime(place.runtime);
    const given = streamsInto(place, streams);
    const child = enterPlace(deps.host, { runtime, place, streams: given }).then(keepingWords);
    early = { entry: entryOf(runtime, place), streams: given, child };
  };
  const abandon = () => {
    early?.child.then(letGo, () => {});
    early = null;
  };
  const resolved = deps.resolve(request).then((context) => {
    begin(context);
    return context;
  });
  return {
    resolved,
    begun: settledWithin(resolved, LATEST_MS),
    async enter(runtime, place, wanted) {
      const { entry, streams: given, child } = early ?? {};
      if (child && isDeepStrictEqual([entry, given], [entryOf(runtime, place), wanted])) {
        early = null;
        return child;
      }
      abandon();
      return enterPlace(deps.host, { runtime, place, streams: wanted });
    },
    abandon,
  };
}

interface Entered {
  readonly entry: Command;
  readonly streams: SpawnOptions;
  readonly child: Promise<Spawned>;
}

const LATEST_MS = 100;

interface Entrance {
  readonly runtime: Runtime;
  readonly place: Place;
  readonly streams: SpawnOptions;
}

async function enterPlace(host: Host, { runtime, place, streams }: Entrance): Promise<Spawned> {
  const child = (await runtime.open?.(place, ['sh'])) ?? host.spawn(entryOf(runtime, place), streams);
  child.stdin?.on('error', () => {}); // a box that could not be entered reads nothing
  return child;
}

/** Node throws away what a child said that ends before anybody reads; the words of an engine that refused are needed. */
function keepingWords(child: Spawned): Spawned {
  const kept = (stream: NodeJS.ReadableStream | null) => stream?.pipe(new PassThrough()) ?? null;
  const [stdout, stderr] = [kept(child.stdout), kept(child.stderr)];
  return {
    ...child,
    stdout,
    stderr,
    release: () => {
      child.release();
      stdout?.destroy();
      stderr?.destroy();
    },
  };
}

function letGo(child: Spawned): void {
  child.stdin?.end();
  child.kill('SIGKILL');
  child.release();
}

function settledWithin(work: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const latest = setTimeout(resolve, ms);
    const settle = () => {
      clearTimeout(latest);
      resolve();
    };
    work.then(settle, settle);
  });
}
