import { BerthError, messageOf } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
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
    const container = await inspector.container(place.id);
    if (container === null) {
      return { state: 'gone', oom: null, cause: `Container ${place.id.slice(0, 12)} was removed.` };
    }
    return container.state === 'running'
      ? await stillRuns(host, inspector.engine, place)
      : hasEnded(container);
  } catch (error) {
    return { state: 'unknown', oom: null, cause: messageOf(error) };
  }
}

function hasEnded(container: ContainerFacts): Postmortem {
  const { name, state, exitCode, oomKilled } = container;
  if (state === 'paused') return { state: 'running', oom: null, cause: `Container ${name} is paused.` };
  const how = oomKilled
    ? `ran out of memory and was killed`
    : state === 'exited' || state === 'dead'
      ? `ended with code ${exitCode ?? 'unknown'}`
      : `is ${state}`;
  return { state: 'stopped', oom: oomKilled, cause: `Container ${name} ${how}.` };
}

/**
 * Engines report the death of a container's main process only. The kernel counts every process that it
 * killed for want of memory, since the container started: for one of ours that is the attempt's own count.
 */
async function stillRuns(host: Host, engine: EngineName, place: Place): Promise<Postmortem> {
  const files = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'];
  const counters = await callEngine(host, [engine, 'exec', place.id ?? '', 'cat', ...files]);
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
