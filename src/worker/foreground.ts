import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, toBytes } from '../core/command.ts';
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
  type ForegroundDeps,
  type ForegroundEnd,
  type ForegroundStreams,
  writeAll,
} from './foreground-deps.ts';
import { asJob } from './foreground-job.ts';
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
  const worker = { name: 'run', host: host.name, ...host.self };
  const [claimed, resolved] = await Promise.allSettled([
    store.addRunning(spec, { host: host.name, worker }),
    deps.resolve(spec.context),
  ]);
  if (claimed.status === 'rejected') throw claimed.reason;
  const claim = claimed.value;
  const id = claim.task.id;
  streams.started(id);
  if (resolved.status === 'fulfilled') streams.resolved(resolved.value.warnings);
  // once it runs, a signal is an order to the run: one that comes late must not end us before its outcome is on disk
  let forget = () => {};
  const runs = () => {
    forget = deps.onSignal(() => {});
  };
  try {
    const outcome =
      resolved.status === 'fulfilled'
        ? await attempt(deps, { claim, context: resolved.value, streams, runs }).catch(failed)
        : failed(resolved.reason);
    await store.finished(claim.lease, outcome, null);
    return { id, outcome };
  } finally {
    forget();
  }
}

function failed(error: unknown): Outcome {
  return notStarted(asBerthError(error));
}

function unrecorded(error: unknown): Outcome {
  return { kind: 'lost', cause: `The task ran, and its end could not be recorded: ${messageOf(error)}.` };
}

interface Attempt {
  readonly claim: Claim;
  readonly context: PlanFacts['context'];
  readonly streams: ForegroundStreams;
  /** Called when it is about to run. */
  runs(): void;
}

async function attempt(deps: ForegroundDeps, { claim, context, streams, runs }: Attempt): Promise<Outcome> {
  const { store, host } = deps;
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
    const facts: PlanFacts = { claim, context, place, runtime, env };
    writeToken(deps, claim);
    runs();
    const recorded = store.started(claim.lease, withPlace(context, place));
    recorded.catch(() => {}); // looked at below, when the run is over
    // throws only where nothing was started; after it, trouble of ours is not "not started"
    const ended = await (box ? runAlone(deps, facts, { box, streams }) : runIn(deps, facts, streams));
    return await recorded.then(() => judge(deps, claim, { ...ended, place })).catch(unrecorded);
  } finally {
    await runtime.dispose(host, place);
  }
}

function runIn(deps: ForegroundDeps, facts: PlanFacts, streams: ForegroundStreams): Promise<ForegroundEnd> {
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
  facts: PlanFacts,
  streams: ForegroundStreams,
): Promise<ForegroundEnd> {
  const drops = dropsLate(facts.place);
  const free = scriptPlanOf(facts, 'stdin');
  const plan = drops ? hearing(free) : free;
  const entry = entryOf(facts.runtime, facts.place);
  const own = streams.output !== null || drops;
  const child = deps.host.spawn(entry, {
    stdin: 'pipe',
    stdout: own ? 'pipe' : 'inherit',
    stderr: 'pipe',
    detached: true,
  });
  const leash = holdLeash(deps, facts, { stdin: child.stdin, kill: () => child.kill('SIGKILL') });
  leash.send(toBytes(`berth_pidfile=\n${environmentOf(facts)}${supervisedScript(plan)}`));
  const forget = deps.onSignal(() => leash.stop('cancelled'));
  const write = leash.hearing(streams.output ?? ((stream, bytes) => writeAll(process[stream], bytes)));
  const heard = () => leash.send('heard\n');
  const end = await followSupervised(child, plan.nonce, { write, heard });
  forget();
  leash.release();
  return { end: own ? end : await withWords(deps, entry, end), stopReason: leash.reason };
}

/**
 * Docker tells on stdout that nothing could be started, and the caller had that stream to itself: ask again
 * for the words. A supervisor that had begun would not have ended with such a code and no record.
 */
async function withWords({ host }: ForegroundDeps, entry: Command, end: RunEnd): Promise<RunEnd> {
  if (end.kind !== 'vanished' || end.exitCode === null || end.exitCode < 125 || end.exitCode > 127)
    return end;
  const { stdout, stderr } = await host.exec(entry, { timeoutMs: 10_000, input: ':\n' });
  return { ...end, stdoutTail: stdout, stderrTail: `${end.stderrTail}${stderr}` };
}
