import type { Host } from '../core/host.ts';
import type { ContainerFacts, Inspector } from '../core/inspect.ts';
import { isOwnerDead } from '../core/owner.ts';
import { ATTEMPT_LABEL, OWNER_LABEL, QUEUE_LABEL, remove, SESSION_LABEL, TASK_LABEL } from './owned.ts';

/** A container that berth started and that nobody answers for any more. */
export interface Leftover {
  readonly engine: Inspector['engine'];
  readonly id: string;
  readonly name: string;
  readonly state: ContainerFacts['state'];
  /** What it was started for: an attempt, or a terminal session by its name; the others are null. */
  readonly task: number | null;
  readonly attempt: number | null;
  readonly session: string | null;
}

export interface SweepQuestion {
  readonly inspectors: readonly Inspector[];
  /** Of the state folder that asks: containers of other folders and machines are never looked at. */
  readonly queue: string;
  /** Whether this very container is still needed: by an unfinished attempt, or by a session that is there. */
  isHeld(container: Leftover): Promise<boolean>;
}

/** What a sweep would remove: started by this queue, by a process that is dead, and needed no more. */
export async function leftovers(host: Host, question: SweepQuestion): Promise<readonly Leftover[]> {
  const found = question.inspectors.map((inspector) => leftoversOf(host, inspector, question));
  return (await Promise.all(found)).flat();
}

/** Remove one; safe to repeat. */
export async function removeLeftover(host: Host, { engine, id }: Leftover): Promise<void> {
  await remove(host, engine, id);
}

async function leftoversOf(
  host: Host,
  inspector: Inspector,
  question: SweepQuestion,
): Promise<readonly Leftover[]> {
  const ours = await inspector.byLabels({ [QUEUE_LABEL]: question.queue });
  const checked = ours.map(async (facts) => {
    const one = leftoverOf(facts, inspector.engine);
    const runs = facts.state !== 'exited' && facts.state !== 'dead';
    if (one === null || !isOwnerDead(host, facts.labels[OWNER_LABEL] ?? '', runs)) return [];
    return (await question.isHeld(one)) ? [] : [one];
  });
  return (await Promise.all(checked)).flat();
}

/** Null for what lacks a label of ours: such a one is left alone. */
function leftoverOf(
  { id, name, state, labels }: ContainerFacts,
  engine: Inspector['engine'],
): Leftover | null {
  const session = labels[SESSION_LABEL]?.replace(/-[0-9a-f]{16}$/, '') ?? null;
  if (session !== null) return { engine, id, name, state, task: null, attempt: null, session };
  const [task, attempt] = [Number(labels[TASK_LABEL]), Number(labels[ATTEMPT_LABEL])];
  return task > 0 && attempt > 0 ? { engine, id, name, state, task, attempt, session } : null;
}
