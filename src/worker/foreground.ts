import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toBytes } from '../core/command.ts';
import { messageOf } from '../core/errors.ts';
import type { RunEnd } from '../core/executor.ts';
import { ownerOf } from '../core/owner.ts';
import { supervisedScript } from '../core/script.ts';
import type { Claim } from '../core/store.ts';
import { followSupervised } from '../core/supervised.ts';
import type { Outcome, TaskSpec } from '../core/task.ts';
import { attached } from './attached.ts';
import { loneBox, runAlone } from './foreground-alone.ts';
import {
  clientStreams,
  type ForegroundDeps,
  type ForegroundEnd,
  type ForegroundFacts,
  type ForegroundStreams,
  takerFor,
} from './foreground-deps.ts';
import { asJob } from './foreground-job.ts';
import { type HeadStart, headStart } from './head-start.ts';
import { holdLeash } from './leash.ts';
import { notStarted } from './outcome.ts';
import {
  asUser,
  dropsLate,
  entryOf,
  environmentOf,
  hearing,
  type PlanFacts,
  scriptPlanOf,
  streamsInto,
  withPlace,
} from './plan.ts';
import { asBerthError, judge } from './run-task.ts';
import { leftover } from './session-place.ts';

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
  const head = deps.head ?? headStart(deps, spec.context, clientStreams(streams));
  // once it runs, a signal is an order to the run: one that comes late must not end us before its outcome is on disk
  let forget = () => {};
  const runs = () => {
    forget = deps.onSignal(() => {});
  };
  try {
    await head.begun;
    const worker = { name: 'run', host: host.name, ...host.self };
    const claim = await store.addRunning(spec, { host: host.name, worker });
    streams.started(claim.task.id);
    const { outcome, over } = await attempt(deps, { claim, head, streams, runs }).catch(failed);
    try {
      await store.finished(claim.lease, outcome, null);
    } finally {
      await over();
    }
    return { id: claim.task.id, outcome };
  } finally {
    head.abandon();
    forget();
  }
}

function failed(error: unknown): Attempted {
  return { outcome: notStarted(asBerthError(error)), over: async () => {} };
}

function unrecorded(error: unknown): Outcome {
  return { kind: 'lost', cause: `The task ran, and its end could not be recorded: ${messageOf(error)}.` };
}

interface Attempt {
  readonly claim: Claim;
  readonly head: HeadStart;
  readonly streams: ForegroundStreams;
  /** Called when it is about to run. */
  runs(): void;
}

interface Attempted {
  readonly outcome: Outcome;
  /** Waits for what is open yet, and tidies up. */
  over(): Promise<void>;
}

/** Throws only where nothing was started. */
async function attempt(deps: ForegroundDeps, { claim, head, streams, runs }: Attempt): Promise<Attempted> {
  const { store, host } = deps;
  const context = await head.resolved;
  streams.resolved(context.warnings);
  const runtime = deps.runtime(context.container?.runtime ?? 'bare');
  const scope = {
    task: claim.task.id,
    attempt: claim.lease.attempt,
    owner: ownerOf(host),
    workdir: context.dir.host,
  };
  const env = await deps.reveal(context.env);
  const prepared = await runtime
    .prepare(host, context.container, scope)
    .catch((error) => loneBox(deps, { claim, context, runtime, env, scope, streams }, error));
  const box = 'place' in prepared ? prepared : null;
  const place = 'place' in prepared ? prepared.place : asUser(prepared, context);
  try {
    const facts = { claim, context, place, runtime, env, enter: head.enter };
    writeToken(deps, claim);
    runs();
    const recorded = store.started(claim.lease, withPlace(context, place));
    recorded.catch(() => {}); // looked at below, when the run is over
    const ended = await (box ? runAlone(deps, facts, { box, streams }) : runIn(deps, facts, streams));
    const outcome = await recorded.then(() => judge(deps, claim, { ...ended, place })).catch(unrecorded);
    const over = async () => {
      await ended.over;
      await runtime.dispose(host, place);
    };
    return { outcome, over };
  } catch (error) {
    await runtime.dispose(host, place);
    throw error;
  }
}

function runIn(
  deps: ForegroundDeps,
  facts: ForegroundFacts,
  streams: ForegroundStreams,
): Promise<ForegroundEnd> {
  if (facts.place.container?.job) return asJob(deps, facts, streams);
  return streams.stdin === 'none' ? supervised(deps, facts, streams) : attached(deps, facts, streams);
}

/** So that whoever finds this task after our death knows that it ran, and in which process. */
function writeToken({ runs, host }: ForegroundDeps, claim: Claim): void {
  const directory = join(runs, claim.attempt.runDirectory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { pid, startTime, bootId } = host.self;
  try {
    writeFileSync(join(directory, 'pid'), `run ${pid} ${startTime} ${bootId}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw error instanceof Error && 'code' in error && error.code === 'EEXIST' ? leftover(claim) : error;
  }
}

/** Our end of the leash is the script's stdin: when we die it closes, and the tree is stopped. */
async function supervised(
  deps: ForegroundDeps,
  facts: ForegroundFacts,
  streams: ForegroundStreams,
): Promise<ForegroundEnd> {
  const free = scriptPlanOf(facts, 'stdin');
  const plan = dropsLate(facts.place) ? hearing(free) : free;
  const wanted = streamsInto(facts.place, clientStreams(streams));
  const child = await facts.enter(facts.runtime, facts.place, wanted);
  const leash = holdLeash(deps, facts, { stdin: child.stdin, kill: () => child.kill('SIGKILL') });
  leash.send(toBytes(`berth_pidfile=\n${environmentOf(facts)}${supervisedScript(plan)}`));
  const forget = deps.onSignal(() => leash.stop('cancelled'));
  // on this machine the program would get a SIGPIPE
  const write = leash.hearing(takerFor(streams, () => leash.stop('cancelled')));
  return new Promise((resolve, reject) => {
    const over = followSupervised(child, plan.nonce, {
      write,
      heard: () => leash.send('heard\n'),
      // the record of the run; what brought it needs some milliseconds more to end
      marked: (report) => resolve({ end: { kind: 'ended', report }, stopReason: leash.reason, over }),
    }).finally(() => {
      forget();
      leash.release();
    });
    const whole = over.then((end) => (child.stdout === null ? withWords(deps, facts, end) : end));
    whole.then((end) => resolve({ end, stopReason: leash.reason }), reject);
  });
}

/**
 * Docker tells on stdout that nothing could be started, and the caller had that stream to itself: ask again
 * for the words. A supervisor that had begun would not have ended with such a code and no record.
 */
async function withWords({ host }: ForegroundDeps, facts: PlanFacts, end: RunEnd): Promise<RunEnd> {
  if (end.kind !== 'vanished' || end.exitCode === null || end.exitCode < 125 || end.exitCode > 127)
    return end;
  const entry = entryOf(facts.runtime, facts.place);
  const { stdout, stderr } = await host.exec(entry, { timeoutMs: 10_000, input: ':\n' });
  return { ...end, stdoutTail: stdout, stderrTail: `${end.stderrTail}${stderr}` };
}
