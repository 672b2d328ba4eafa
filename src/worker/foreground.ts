import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toBytes } from '../core/command.ts';
import { messageOf } from '../core/errors.ts';
import type { RunEnd } from '../core/executor.ts';
import type { Spawned } from '../core/host.ts';
import { MarkFilter } from '../core/mark-filter.ts';
import { attachedScript, findEndMark, REFUSED_EXIT, supervisedScript } from '../core/script.ts';
import type { Claim } from '../core/store.ts';
import type { Outcome, StopReason, TaskSpec } from '../core/task.ts';
import type { RunDeps } from './deps.ts';
import { notStarted } from './outcome.ts';
import {
  asUser,
  entryOf,
  environmentOf,
  type PlanFacts,
  scriptPlanOf,
  sessionFactsOf,
  withPlace,
} from './plan.ts';
import { asBerthError, judge } from './run-task.ts';

export interface ForegroundStreams {
  /** `none`: the caller's stdin is left alone. `terminal`: the caller's terminal is the task's. */
  readonly stdin: 'none' | 'forward' | 'terminal';
  /** Takes the output; null leaves it to the caller's own stdout and stderr. */
  readonly output: ((stream: 'stdout' | 'stderr', bytes: Buffer) => Promise<void>) | null;
  /** Learns the id before anything starts. */
  started(id: number): void;
}

export interface ForegroundDeps extends RunDeps {
  /** Absolute path of the folder of run directories. */
  readonly runs: string;
  /** Calls back for each SIGINT, SIGTERM and SIGHUP that this process gets, until the returned function is called. */
  onSignal(listener: () => void): () => void;
}

/**
 * Run a task now, as long as this process lives: its death, however sudden, ends the task and its tree.
 * The task is in the queue's records like any other.
 */
export async function runInForeground(
  deps: ForegroundDeps,
  spec: TaskSpec,
  streams: ForegroundStreams,
): Promise<{ readonly id: number; readonly outcome: Outcome }> {
  const { store, host } = deps;
  const worker = { name: 'run', host: host.name, ...host.self };
  const [claimed, resolved] = await Promise.allSettled([
    store.addRunning(spec, { host: host.name, worker }),
    deps.resolve(spec.context),
  ]);
  if (claimed.status === 'rejected') throw claimed.reason;
  const claim = claimed.value;
  const id = claim.task.id;
  streams.started(id);
  const outcome =
    resolved.status === 'fulfilled'
      ? await attempt(deps, { claim, context: resolved.value, streams }).catch(failed)
      : failed(resolved.reason);
  await store.finished(claim.lease, outcome, null);
  return { id, outcome };
}

function failed(error: unknown): Outcome {
  return notStarted(asBerthError(error));
}

interface Attempt {
  readonly claim: Claim;
  readonly context: PlanFacts['context'];
  readonly streams: ForegroundStreams;
}

async function attempt(deps: ForegroundDeps, { claim, context, streams }: Attempt): Promise<Outcome> {
  const { store, host } = deps;
  const runtime = deps.runtime(context.container?.runtime ?? 'bare');
  const owner = `${host.name}:${host.self.pid}:${host.self.startTime}`;
  const scope = { task: claim.task.id, attempt: claim.lease.attempt, owner, workdir: context.dir.host };
  const place = asUser(await runtime.prepare(host, context.container, scope), context);
  try {
    const facts: PlanFacts = { claim, context, place, runtime, env: await deps.reveal(context.env) };
    writeToken(deps, claim);
    const recorded = Promise.all([
      store.started(claim.lease, withPlace(context, place)),
      store.updateSession(claim.lease.session, sessionFactsOf(context, place)),
    ]);
    const run = streams.stdin === 'none' ? supervised(deps, facts, streams) : attached(deps, facts, streams);
    const [ended] = await Promise.all([run, recorded]);
    return await judge(deps, claim, { ...ended, place });
  } finally {
    await runtime.dispose(host, place);
  }
}

/** So that whoever finds this task after our death knows that it ran, and in which process. */
function writeToken({ runs, host }: ForegroundDeps, claim: Claim): void {
  const directory = join(runs, claim.attempt.runDirectory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { pid, startTime, bootId } = host.self;
  writeFileSync(join(directory, 'pid'), `run ${pid} ${startTime} ${bootId}\n`, { mode: 0o600 });
}

interface Ended {
  readonly end: RunEnd;
  readonly stopReason: StopReason | null;
}

/** Our end of the leash is the script's stdin: when we die it closes, and the tree is stopped. */
async function supervised(
  deps: ForegroundDeps,
  facts: PlanFacts,
  streams: ForegroundStreams,
): Promise<Ended> {
  const plan = scriptPlanOf(facts, 'stdin');
  const own = streams.output !== null;
  const child = deps.host.spawn(entryOf(facts.runtime, facts.place), {
    stdin: 'pipe',
    stdout: own ? 'pipe' : 'inherit',
    stderr: 'pipe',
    detached: true,
  });
  child.stdin?.on('error', () => {}); // a box that could not be entered reads nothing
  child.stdin?.write(toBytes(`berth_pidfile=\n${environmentOf(facts)}${supervisedScript(plan)}`));
  const filter = new MarkFilter(plan.nonce);
  const tails = { stdout: new LastBytes(), stderr: new LastBytes() };
  const write = streams.output ?? ((_stream, bytes) => writeAll(process.stderr, bytes));
  const leash = holdLeash(deps, facts.claim, child);
  const [ended] = await Promise.all([
    child.ended,
    pump(child.stdout, (bytes) => {
      tails.stdout.add(bytes);
      return write('stdout', bytes);
    }),
    pump(child.stderr, (bytes) => {
      const passed = filter.pass(bytes);
      tails.stderr.add(passed);
      return passed.length === 0 ? Promise.resolve() : write('stderr', passed);
    }),
  ]);
  leash.release();
  const mark = findEndMark(filter.rest, plan.nonce);
  if (mark) return { end: { kind: 'ended', report: mark.report }, stopReason: leash.reason };
  if (filter.rest.length > 0) await write('stderr', filter.rest);
  const [stdoutTail, stderrTail] = [tails.stdout.text, tails.stderr.text + filter.rest.toString()];
  return {
    end: { kind: 'vanished', exitCode: ended.code, stdoutTail, stderrTail },
    stopReason: leash.reason,
  };
}

const AGAIN_MS = 500;

/** Turns signals, the time limit and `berth cancel` into orders on the leash; a second signal shortens the grace. */
function holdLeash(deps: ForegroundDeps, claim: Claim, child: Spawned) {
  const leash = { reason: null as StopReason | null, release: () => {} };
  let repeat: NodeJS.Timeout | null = null;
  const order = (word: 'stop' | 'kill') => child.stdin?.write(`${word}\n`);
  const stop = (reason: StopReason) => {
    order(leash.reason === null ? 'stop' : 'kill');
    leash.reason ??= reason;
    // the box may not have read its script yet
    repeat ??= setInterval(() => order('stop'), AGAIN_MS);
  };
  const { timeoutMs } = claim.task.spec.queue;
  const limit =
    timeoutMs === null ? null : setTimeout(() => stop('timed_out'), Math.min(timeoutMs, 2 ** 31 - 1));
  const forget = deps.onSignal(() => stop('cancelled'));
  const watching = new AbortController();
  watchForCancel(deps, claim, { signal: watching.signal, stop }).catch((error) => {
    deps.log({ event: 'store_trouble', task: claim.task.id, message: messageOf(error) });
  });
  leash.release = () => {
    watching.abort();
    forget();
    if (limit) clearTimeout(limit);
    if (repeat) clearInterval(repeat);
    child.stdin?.end();
  };
  return leash;
}

async function watchForCancel(
  { store }: ForegroundDeps,
  claim: Claim,
  { signal, stop }: { signal: AbortSignal; stop: (reason: StopReason) => void },
): Promise<void> {
  while (!signal.aborted) {
    await store.changed(signal);
    if (signal.aborted) return;
    const asked = (await store.task(claim.task.id))?.stopRequested;
    if (asked) return stop(asked);
  }
}

/** On the caller's terminal, or with the caller's stdin: the program has the streams to itself. */
async function attached(deps: ForegroundDeps, facts: PlanFacts, streams: ForegroundStreams): Promise<Ended> {
  const text = `${environmentOf(facts)}${attachedScript(scriptPlanOf(facts, 'signal'))}`;
  // by a variable: an argument would show the task's values to everybody who can list processes
  const inner = {
    argv: ['sh', '-c', 'eval "unset BERTH_SCRIPT; $BERTH_SCRIPT"'],
    cwd: null,
    env: { BERTH_SCRIPT: text },
  };
  const terminal = streams.stdin === 'terminal';
  const child = deps.host.spawn(facts.runtime.enter(facts.place, inner, { stdin: true, tty: terminal }), {
    stdin: 'inherit',
    stdout: 'inherit',
    stderr: 'inherit',
    detached: false,
  });
  // Ctrl-C reaches the program by itself; we only stay to tell its end
  const forget = deps.onSignal(() => child.kill('SIGTERM'));
  const { code, signal } = await child.ended;
  forget();
  const exitCode = code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0);
  const refused = exitCode === REFUSED_EXIT;
  return {
    end: {
      kind: 'ended',
      report: { kind: refused ? 'refused' : 'exit', exitCode, reason: 'directory', gone: true },
    },
    stopReason: null,
  };
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGTERM: 15,
};

async function pump(
  stream: NodeJS.ReadableStream | null,
  take: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  if (stream) for await (const chunk of stream) await take(chunk as Buffer);
}

function writeAll(stream: NodeJS.WritableStream, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    // a reader that went away is no reason to stop the task
    if (stream.write(bytes)) resolve();
    else stream.once('drain', resolve);
  });
}

/** Keeps the end of a stream for messages. */
class LastBytes {
  private kept = Buffer.alloc(0);

  add(bytes: Buffer): void {
    this.kept = Buffer.concat([this.kept, bytes.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES);
  }

  get text(): string {
    return this.kept.toString();
  }
}

const KEPT_BYTES = 2048;
