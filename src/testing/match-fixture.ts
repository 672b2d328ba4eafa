import { ANY_CONTAINER, type ContainerRequest, type ContextRequest } from '../core/context.ts';
import { EMPTY_CONTEXT, type Session, type SessionContext } from '../core/session.ts';
import type { Payload, QueueRequest, TaskSpec } from '../core/task.ts';
import { aTask } from './store-fixture.ts';

interface Wish {
  readonly payload?: Payload;
  readonly context?: Partial<ContextRequest>;
  readonly queue?: Partial<QueueRequest>;
}

export const PROMPT = { kind: 'prompt', text: 'fix it', provider: null } as const satisfies Payload;

/** A prompt in `/work/app`, but for what is wished. */
export function wished({ payload = PROMPT, context, queue }: Wish = {}): TaskSpec {
  const task = aTask('', queue);
  return { ...task, payload, context: { ...task.context, workdir: '/work/app', ...context } };
}

/** An idle terminal. */
export function aSession(
  name: string,
  facts: Partial<Session> = {},
  context: Partial<SessionContext> = {},
): Session {
  return {
    name,
    host: 'local',
    kind: 'tmux',
    status: 'idle',
    provider: null,
    currentTaskId: null,
    lastActivityMs: 0,
    lastContextUpdateMs: 0,
    ...facts,
    context: { ...EMPTY_CONTEXT, ...context },
  };
}

/** The service `web` of a Compose project. */
export const SERVICE: ContainerRequest = { ...ANY_CONTAINER, mode: 'explicit', service: 'web' };
