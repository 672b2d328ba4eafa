import type { Session } from './session.ts';
import type { TaskSpec } from './task.ts';

/** Prompts and tasks for a provider need a terminal, unless they ask for none; a command runs headless. */
export function wantsTerminal(spec: TaskSpec): boolean {
  const { payload } = spec;
  return payload.kind === 'prompt' ? payload.headless !== true : providersOf(spec).length > 0;
}

/** Agents that may take a prompt, in order of preference. */
export function providersOf({ payload, queue }: TaskSpec): readonly string[] {
  if (queue.providers.length > 0) return queue.providers;
  return payload.kind === 'prompt' && payload.provider !== null ? [payload.provider] : [];
}

/**
 * The key under which a pending task is looked for. A store asks only for the lanes of its idle sessions,
 * so that no task is read that waits for something else.
 */
export function laneOf(spec: TaskSpec): string {
  if (spec.queue.target !== null) return `session ${spec.queue.target}`;
  if (!wantsTerminal(spec)) return `headless ${spec.context.host}`;
  const [provider, ...more] = providersOf(spec);
  return provider === undefined || more.length > 0
    ? `terminal ${spec.context.host}`
    : `agent ${provider} ${spec.context.host}`;
}

/** The lanes that a session serves: `judge` passes no task of another lane. */
export function lanesOf(session: Session): readonly string[] {
  const own = `session ${session.name}`;
  if (session.kind === 'headless') return [own, `headless ${session.host}`];
  const shared = [own, `terminal ${session.host}`];
  return session.provider === null ? shared : [...shared, `agent ${session.provider} ${session.host}`];
}
