import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeApi, PodTarget } from '../core/cluster.ts';
import type { Executor, RunEnd, RunSpec } from '../core/executor.ts';
import type { Host } from '../core/host.ts';
import { statusTells } from './kube-pod-status.ts';
import { openSession, type PodEnd, type PodSession } from './kube-session.ts';
import { createRunDirectory, type RunFiles, readEnd, readTail, runFiles, sealRun } from './run-directory.ts';

/** How often an order to stop is repeated. */
const STOP_AGAIN_MS = 1000;
/** How long "there is no such container" is doubted: a kubelet says so when it has just started. */
const DOUBT = 5;
/** How often a run that never said that it began is asked for, a minute in all. */
const TRIES = 15;
const TAIL_BYTES = 2048;

export interface PodExecutorParts {
  readonly host: Host;
  /** Absolute path of the folder of run directories. */
  readonly runs: string;
  /** For pods in which nothing can be written: the run hangs on its connection. */
  readonly attached: Executor;
  apiOf(context: string): Promise<KubeApi>;
}

/**
 * Runs that are detached in a pod. The pod holds the run, the run directory here holds what has arrived of
 * it: connections, clients and workers come and go.
 */
export function podExecutor({ host, runs, attached, apiOf }: PodExecutorParts): Executor {
  const sessions = new Map<string, PodSession>();
  const stopping = new Map<string, NodeJS.Timeout>();
  const files = (directory: string) => runFiles(runs, directory);

  const connect = (directory: string) => {
    const at = files(directory);
    const facts = readPod(at);
    if (facts === null) throw new Error(`${at.path} is no run in a pod`);
    const session = openSession(host, {
      target: facts.target,
      name: facts.name,
      at,
      script: facts.isStarted ? null : scriptOf(at),
    });
    sessions.set(directory, session);
    void session.ended.then(() => {
      if (sessions.get(directory) === session) sessions.delete(directory);
    });
    return session;
  };

  const begin = async (directory: string): Promise<PodEnd | 'started'> => {
    const first = await connect(directory).begun;
    if (first === 'started') markStarted(files(directory));
    return first;
  };

  return {
    kind: 'headless',

    async start(run) {
      const at = files(run.directory);
      const before = readPod(at);
      if (before?.isStarted) return 'already';
      if (before === null) prepare(at, run);
      const first = await begin(run.directory);
      if (first === 'started') return 'started';
      if (first.kind === 'turned_away') {
        removeFacts(at);
        throw first.error;
      }
      if (first.kind === 'no_place') {
        removeFacts(at);
        appendFileSync(at.err, ATTACHED);
        return attached.start(run);
      }
      // it may have begun: the watch finds out
      return 'started';
    },

    async watch(directory, signal) {
      const end = await watchPod({
        at: files(directory),
        signal,
        sessionOf: () => sessions.get(directory),
        connect: () => connect(directory),
        apiOf,
      });
      clearInterval(stopping.get(directory));
      stopping.delete(directory);
      return end;
    },

    async stop(directory) {
      const send = () => sessions.get(directory)?.order('stop');
      if (!stopping.has(directory)) stopping.set(directory, setInterval(send, STOP_AGAIN_MS).unref());
      send();
    },

    async seal(directory, end) {
      sealRun(files(directory), end);
    },

    async state(directory) {
      const at = files(directory);
      if (readEnd(at) !== null) return 'ended';
      // a run that may or may not have begun is started again: the pod knows it by its name
      return readPod(at)?.isStarted ? 'running' : 'absent';
    },
  };
}

/** In the task's own log, because nobody could know it before. */
const ATTACHED =
  'berth: note: nothing can be written in this container; the task is attached, and ends as lost when its connection is cut\n';

interface Watch {
  readonly at: RunFiles;
  readonly signal: AbortSignal;
  sessionOf(): PodSession | undefined;
  connect(): PodSession;
  apiOf(context: string): Promise<KubeApi>;
}

async function watchPod(watch: Watch): Promise<RunEnd> {
  const { at, signal, sessionOf, connect } = watch;
  for (let failures = 0; ; failures++) {
    const session = sessionOf() ?? connect();
    const abort = () => session.close();
    signal.addEventListener('abort', abort, { once: true });
    const [begun, ended] = await Promise.all([session.begun, session.ended]);
    signal.removeEventListener('abort', abort);
    if (signal.aborted) throw new DOMException('The watch was given up; the run goes on.', 'AbortError');
    if (begun === 'started') {
      markStarted(at);
      failures = 0;
    }
    const isStarted = readPod(at)?.isStarted === true;
    if (ended.kind === 'turned_away' && !isStarted) {
      const { code, message, hint } = ended.error;
      return { ...vanished(at), turnedAway: { code, message, hint } };
    }
    // it cannot be told whether it began
    if (!isStarted && failures >= TRIES) return vanished(at);
    if (ended.kind === 'finished' || ended.kind === 'gone') return readEnd(at) ?? vanished(at);
    const isOver =
      ended.kind === 'absent' || (ended.kind === 'turned_away' && (ended.isCertain || failures >= DOUBT));
    if (isOver) return readEnd(at) ?? (await vanishedWithContainer(watch));
    await delay(Math.min(5000, 100 * 2 ** failures), undefined, { signal }).catch(() => {});
  }
}

/** Nothing of the run is in the container: it is another one, or none. */
async function vanishedWithContainer({ at, signal, apiOf }: Watch): Promise<RunEnd> {
  const { target, containerId = '' } = readPod(at) ?? {};
  const api = target && (await apiOf(target.context).catch(() => null));
  if (api) await statusTells(api, { ...target, containerId }, signal);
  if (signal.aborted) throw new DOMException('The watch was given up; the run goes on.', 'AbortError');
  return vanished(at);
}

function vanished(at: RunFiles): Extract<RunEnd, { kind: 'vanished' }> {
  const tail = (path: string) => readTail(path, TAIL_BYTES)?.bytes.toString('utf8') ?? '';
  return { kind: 'vanished', exitCode: null, stderrTail: tail(at.err), stdoutTail: tail(at.out) };
}

/** What the next worker needs to find the run in its pod: `pod.json` in the run directory. */
interface PodFactsOnDisk {
  readonly target: PodTarget;
  /** Name of the run's directory in the pod; nobody can guess it. */
  readonly name: string;
  /** The pod has said so. Until then starting again is harmless. */
  readonly isStarted: boolean;
  /** Of the container that was entered; empty where it is not known. */
  readonly containerId?: string;
}

function podFile(at: RunFiles): string {
  return join(at.path, 'pod.json');
}

function readPod(at: RunFiles): PodFactsOnDisk | null {
  const path = podFile(at);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as PodFactsOnDisk) : null;
}

/** Whether a run directory is of a run in a pod. */
export function isPodRun(runs: string, directory: string): boolean {
  return existsSync(podFile(runFiles(runs, directory)));
}

function prepare(at: RunFiles, run: RunSpec): void {
  createRunDirectory(at, run);
  for (const path of [at.out, at.err]) closeSync(openSync(path, 'a', 0o600));
  const containerId = run.place?.container?.podContainer?.containerId ?? '';
  const name = `${run.directory}-${run.nonce}`;
  writePod(at, { target: targetOf(run), name, isStarted: false, containerId });
}

function targetOf({ place }: RunSpec): PodTarget {
  const box = place?.container;
  return {
    context: box?.kubeContext ?? '',
    namespace: box?.namespace ?? '',
    pod: box?.pod ?? '',
    container: box?.podContainer?.name ?? '',
  };
}

function markStarted(at: RunFiles): void {
  const facts = readPod(at);
  if (facts === null || facts.isStarted) return;
  writePod(at, { ...facts, isStarted: true });
  rmSync(at.environment, { force: true });
}

function writePod(at: RunFiles, facts: PodFactsOnDisk): void {
  writeFileSync(`${podFile(at)}.new`, JSON.stringify(facts), { mode: 0o600 });
  renameSync(`${podFile(at)}.new`, podFile(at));
}

function removeFacts(at: RunFiles): void {
  rmSync(podFile(at), { force: true });
}

function scriptOf(at: RunFiles): Buffer {
  return Buffer.concat([
    Buffer.from('berth_pidfile=\n'),
    readFileSync(at.environment),
    readFileSync(at.script),
  ]);
}
