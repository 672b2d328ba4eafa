import { BerthError } from '../core/errors.ts';
import type { ContainerFacts } from '../core/inspect.ts';
import type { EngineName } from './engine-cli.ts';

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
