import { setTimeout as delay } from 'node:timers/promises';
import { BerthError, messageOf } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import type { ContainerFacts, Inspector } from '../core/inspect.ts';
import type { LeftRun, Place, Postmortem } from '../core/runtime.ts';
import { stopLeftScript } from '../core/script.ts';
import { ASK_TIMEOUT_MS, callEngine } from './engine-cli.ts';

interface Question {
  readonly inspector: Inspector;
  readonly place: Place;
  readonly left: LeftRun | null;
}

/**
 * What the engine knows of a container in which a run ended without a word. When an engine goes away, its clients end
 * and what they started may go on: so it is waited for, and what is left of the run is stopped. Never throws.
 */
export async function containerPostmortem(host: Host, question: Question): Promise<Postmortem> {
  const { place, left, inspector } = question;
  if (place.id === null) return { state: 'unknown', oom: null, cause: null };
  const { id } = place;
  try {
    const ask = () => endOf(inspector, place, id);
    const { answer, waited } = await (left === null ? ask().then(atOnce) : whenBack(ask, left.signal));
    const ended = answer ?? (await lookInside(host, question, id));
    if (!waited && !wasCutOff(question)) return ended;
    return {
      ...ended,
      cause: `${inspector.engine} went away while the task ran. ${ended.cause ?? ''}`.trim(),
    };
  } catch (error) {
    return { state: 'unknown', oom: null, cause: messageOf(error) };
  }
}

/**
 * Docker's client told that it lost its daemon: it says 255 when nothing answers it, and when a new daemon does, that
 * this one knows of no such exec. So a restart shows also when it is over before the engine is asked.
 */
function wasCutOff({ inspector, left }: Question): boolean {
  if (left === null || inspector.engine !== 'docker') return false;
  const { exitCode, words } = left.client;
  return exitCode === 255 || (exitCode === 1 && /^Error.*: No such exec instance: \w+\s*$/m.test(words));
}

/** A restart takes an engine seconds. */
const BACK_MS = 30_000;
const AGAIN_MS = 500;

interface Answer<T> {
  readonly answer: T;
  /** The engine was away when it was first asked. */
  readonly waited: boolean;
}

function atOnce<T>(answer: T): Answer<T> {
  return { answer, waited: false };
}

async function whenBack<T>(ask: () => Promise<T>, signal: AbortSignal | null): Promise<Answer<T>> {
  const deadline = performance.now() + BACK_MS;
  for (let waited = false; ; waited = true) {
    try {
      return { answer: await ask(), waited };
    } catch (error) {
      const away = error instanceof BerthError && error.code === 'RUNTIME_UNAVAILABLE';
      if (!away || performance.now() > deadline) throw error;
      await delay(AGAIN_MS, undefined, { signal: signal ?? undefined });
    }
  }
}

/** Null while the container runs as it did when it was entered. */
async function endOf(inspector: Inspector, place: Place, id: string): Promise<Postmortem | null> {
  const container = await inspector.container(id);
  if (container === null) {
    return { state: 'gone', oom: null, cause: `Container ${id.slice(0, 12)} was removed.` };
  }
  if (wasRestarted(container, place)) {
    const cause = `Container ${container.name} was restarted at ${container.startedAt}.`;
    return { state: 'stopped', oom: null, cause };
  }
  return container.state === 'running' ? null : hasEnded(container);
}

function wasRestarted({ state, startedAt = '' }: ContainerFacts, { container }: Place): boolean {
  const before = container?.startedAt ?? '';
  return state === 'running' && before !== '' && startedAt !== '' && before !== startedAt;
}

function hasEnded(container: ContainerFacts): Postmortem {
  const { name, state, exitCode, oomKilled } = container;
  if (state === 'paused') return { state: 'running', oom: null, cause: `Container ${name} is paused.` };
  const how = oomKilled
    ? `ran out of memory and was killed`
    : state === 'exited' || state === 'dead'
      ? `ended with code ${exitCode ?? 'unknown'}`
      : `is ${state === 'removing' ? 'being removed' : state}`;
  return { state: 'stopped', oom: oomKilled, cause: `Container ${name} ${how}.` };
}

/**
 * Engines report the death of a container's main process only. The kernel counts every process that it
 * killed for want of memory, since the container started: for one of ours that is the attempt's own count.
 * A container without a group of its own (podman without root, on cgroups 1) would show that of many others.
 *
 * With cgroups 1 a group of its own has the container's id ($1) in its path, or is the top of what the container
 * sees and not the machine's top. With cgroups 2 processes of others are listed as 0.
 */
const COUNTERS = `{
  of=/sys/fs/cgroup/memory
  if [ -e $of ]; then
    grep -q "memory[^:]*:.*$1" /proc/self/cgroup ||
      { grep -q "memory[^:]*:/$" /proc/self/cgroup && [ ! -e $of/release_agent ]; } && cat $of/memory.oom_control
  else
    grep -qx 0 /sys/fs/cgroup/cgroup.procs || cat /sys/fs/cgroup/memory.events
  fi
} 2>/dev/null; :`;

/** As the user of the run, who may stop it. */
async function lookInside(host: Host, question: Question, id: string): Promise<Postmortem> {
  const { inspector, place, left } = question;
  const script = left === null ? COUNTERS : `${COUNTERS}\n${stopLeftScript(left)}`;
  const user = place.user === null ? [] : ['--user', place.user];
  const timeoutMs = ASK_TIMEOUT_MS + 2 * (left?.graceMs ?? 0);
  const argv = [inspector.engine, 'exec', ...user, id, 'sh', '-c', script, 'sh', id] as const;
  const { stdout } = await callEngine(host, argv, { timeoutMs });
  // the end of a command may be known before that of its container: ask again
  return (await endOf(inspector, place, id)) ?? stillRuns(stdout, question);
}

function stillRuns(said: string, { place, left }: Question): Postmortem {
  const count = /^oom_kill (\d+)$/m.exec(said)?.[1];
  const word = left === null ? undefined : /^(none|stopped|stuck)$/m.exec(said)?.[1];
  const oom = count === '0' ? false : count !== undefined && place.owned ? true : null;
  const killed = count === '1' ? 'one process' : `${count} processes`;
  const sentences = [
    count === undefined || count === '0'
      ? null
      : `The kernel has killed ${killed} of this container for want of memory since it started.`,
    word === undefined ? null : LEFT[word as keyof typeof LEFT],
  ].filter((sentence) => sentence !== null);
  return { state: 'running', oom, cause: sentences.length === 0 ? null : sentences.join(' ') };
}

const LEFT = {
  none: 'The container runs on, and nothing of the task is left in it.',
  stopped: 'The container runs on; what was left of the task in it has been stopped.',
  stuck: 'The container runs on, with processes of the task that would not end.',
} as const;
