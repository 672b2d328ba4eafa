import { BerthError, messageOf } from '../core/errors.ts';
import type { ExecResult, Host } from '../core/host.ts';
import type { ContainerFacts, Inspector } from '../core/inspect.ts';
import type { Place, Postmortem } from '../core/runtime.ts';
import { callEngine, type EngineName } from './engine-cli.ts';

/**
 * A container that can be entered now. One that is stopped, paused or restarting is never woken up:
 * that is the user's to decide, and the hint says how.
 *
 * @param wake  commands that the hints name, by state
 */
export function mustRun(container: ContainerFacts, wake: WakeCommands): void {
  const { name, state, exitCode } = container;
  switch (state) {
    case 'running':
      return;
    case 'paused':
      throw new BerthError(`Container ${name} is paused.`, {
        code: 'CONTAINER_PAUSED',
        hint: `Wake it with \`${wake.unpause}\`.`,
      });
    case 'restarting':
      throw new BerthError(`Container ${name} is restarting; its program keeps ending.`, {
        code: 'CONTAINER_RESTARTING',
        hint: `See why with \`${wake.logs}\`.`,
      });
    case 'created':
      throw new BerthError(`Container ${name} was created but never started.`, {
        code: 'CONTAINER_CREATED',
        hint: `Start it with \`${wake.start}\`.`,
      });
    default: {
      const how =
        state === 'exited' ? `it exited with code ${exitCode ?? 'unknown'}` : `its state is ${state}`;
      throw new BerthError(`Container ${name} is not running: ${how}.`, {
        code: 'CONTAINER_NOT_RUNNING',
        hint: `Start it with \`${wake.start}\`.`,
      });
    }
  }
}

export interface WakeCommands {
  readonly start: string;
  readonly unpause: string;
  readonly logs: string;
}

export function engineWakes(engine: EngineName, name: string): WakeCommands {
  return {
    start: `${engine} start ${name}`,
    unpause: `${engine} unpause ${name}`,
    logs: `${engine} logs --tail 20 ${name}`,
  };
}

/** What the engine knows of a container in which a run ended without a word. Never throws. */
export async function containerPostmortem(
  host: Host,
  inspector: Inspector,
  place: Place,
): Promise<Postmortem> {
  if (place.id === null) return { state: 'unknown', oom: null, cause: null };
  try {
    const ended = await endOf(inspector, place, place.id);
    if (ended !== null) return ended;
    const counters = await killCounters(host, inspector.engine, place.id);
    // the end of a command may be known before that of its container: ask again
    return (await endOf(inspector, place, place.id)) ?? stillRuns(counters, place);
  } catch (error) {
    return { state: 'unknown', oom: null, cause: messageOf(error) };
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
 */
function killCounters(host: Host, engine: EngineName, id: string): Promise<ExecResult> {
  return callEngine(host, [engine, 'exec', id, 'sh', '-c', COUNTERS, 'sh', id]);
}

/**
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

function stillRuns(counters: ExecResult, place: Place): Postmortem {
  const count = /^oom_kill (\d+)$/m.exec(counters.stdout)?.[1];
  if (count === undefined) return { state: 'running', oom: null, cause: null };
  if (count === '0') return { state: 'running', oom: false, cause: null };
  const killed = count === '1' ? 'one process' : `${count} processes`;
  return {
    state: 'running',
    oom: place.owned ? true : null,
    cause: `The kernel has killed ${killed} of this container for want of memory since it started.`,
  };
}
