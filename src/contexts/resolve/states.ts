import { BerthError, type ErrorCode } from '../../core/errors.ts';
import type { ContainerFacts } from '../../core/inspect.ts';

/** What a container that cannot be entered is called, and how it is brought back. */
export interface Subject {
  /** At the start of a sentence: `The service "web" of "shop"`. */
  readonly name: string;
  /** Code of one that was stopped or has ended. */
  readonly stopped: ErrorCode;
  /** The command that starts it, to paste. */
  readonly start: string;
}

/** The error for a container that is there but does not run, or null for one that does. */
export function notEnterable(container: ContainerFacts, subject: Subject): BerthError | null {
  const { engine, name } = { engine: engineWord(subject), name: container.name };
  switch (container.state) {
    case 'running':
      return null;
    case 'paused':
      return new BerthError(`${subject.name} is paused.`, {
        code: 'CONTAINER_PAUSED',
        hint: `Let it go on with \`${engine} unpause ${name}\`.`,
      });
    case 'restarting':
      return new BerthError(`${subject.name} is restarting again and again${exit(container)}.`, {
        code: 'CONTAINER_RESTARTING',
        hint: `See why with \`${engine} logs ${name}\`.`,
      });
    case 'created':
      return new BerthError(`${subject.name} was created but never started.`, {
        code: 'CONTAINER_CREATED',
        hint: `Start it with \`${subject.start}\`; a taken port is a common cause.`,
      });
    case 'exited':
    case 'dead':
    case 'removing':
    case 'unknown':
      return new BerthError(
        `${subject.name} is not running: its container ${container.state === 'exited' ? 'has exited' : `is ${container.state}`}${exit(container)}.`,
        {
          code: subject.stopped,
          hint: `Start it with \`${subject.start}\`.`,
        },
      );
  }
}

function exit({ exitCode, oomKilled }: ContainerFacts): string {
  if (exitCode === null) return '';
  return oomKilled ? ` (exit code ${exitCode}, out of memory)` : ` (exit code ${exitCode})`;
}

function engineWord({ start }: Subject): string {
  return start.startsWith('podman') ? 'podman' : 'docker';
}
