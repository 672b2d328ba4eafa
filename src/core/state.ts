import { BerthError } from './errors.ts';
import type { TaskStateName } from './task.ts';

/** Every way in which a task changes its state. Each is one guarded write and one event of the same name. */
export type Transition =
  | 'assigned'
  | 'started'
  | 'adopted'
  | 'released'
  | 'returned'
  | 'retrying'
  | 'finished'
  | 'retried';

const TRANSITIONS: Readonly<
  Record<Transition, { readonly from: readonly TaskStateName[]; readonly to: TaskStateName }>
> = {
  // matched with a session
  assigned: { from: ['pending'], to: 'assigned' },
  // on disk before anything of it runs
  started: { from: ['assigned'], to: 'running' },
  // its worker died, another process goes on watching the same run
  adopted: { from: ['running'], to: 'running' },
  // its worker will not start it now
  released: { from: ['assigned'], to: 'pending' },
  // its worker died before starting it
  returned: { from: ['assigned'], to: 'pending' },
  // the attempt ended, another one follows by itself
  retrying: { from: ['assigned', 'running'], to: 'pending' },
  finished: { from: ['pending', 'assigned', 'running'], to: 'finished' },
  // someone asked for one more attempt
  retried: { from: ['finished'], to: 'pending' },
};

/**
 * @returns the state that a transition leads to
 * @throws  {BerthError} `INTERNAL` where it is not allowed
 */
export function stateAfter(transition: Transition, from: TaskStateName): TaskStateName {
  const rule = TRANSITIONS[transition];
  if (rule.from.includes(from)) return rule.to;
  throw new BerthError(`A task that is ${from} cannot be ${transition}.`, {
    code: 'INTERNAL',
    hint: 'This is a fault of berth: report it with the command that you ran.',
  });
}
