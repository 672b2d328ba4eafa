import { adoptSession, newSession } from '../../actions/session-new.ts';
import { removeSession } from '../../actions/session-remove.ts';
import { BerthError } from '../../core/errors.ts';
import { checkSessionName } from '../../core/session-name.ts';
import { defineCommand, type Invocation, JSON_FLAG } from '../command.ts';
import { CONTEXT_FLAGS } from '../context-flags.ts';
import { contextRequest, openMatters } from '../context-options.ts';

const FLAGS = {
  agent: { type: 'string', value: 'P', help: 'new: run this agent in it instead of a shell' },
  name: { type: 'string', value: 'NAME', help: 'adopt: what berth calls it (default: as tmux does)' },
  ...CONTEXT_FLAGS,
  ...JSON_FLAG,
} as const;

type Call = Invocation<typeof FLAGS>;

export default defineCommand({
  name: 'session',
  details:
    'new NAME opens a shell in its context, on a tmux server of berth; in a container it is a shell of the container.\n' +
    'adopt TARGET takes a pane that you have, such as work:1.0 or %7. attach NAME shows it on this terminal.\n' +
    'rm NAME ends what `new` made, and lets go of what was adopted.',
  arguments: {
    usage: 'new|adopt|attach|rm NAME',
    min: 2,
    max: 2,
    completes: ['new', 'adopt', 'attach', 'rm'],
  },
  flags: FLAGS,
  examples: [
    [
      'berth session new web --container-service web',
      'opens a shell of the service; tasks with --target web run there',
    ],
    ['berth session attach web', 'shows it on this terminal; Ctrl-b d leaves it'],
  ],

  async run(call) {
    const [action = '', name = ''] = call.args;
    const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (act) return act(call, name);
    throw new BerthError(`berth session cannot ${JSON.stringify(action)}.`, {
      code: 'USAGE',
      hint: 'It knows new, adopt, attach and rm: `berth session --help`.',
    });
  },
});

const ACTIONS: Readonly<Record<string, (call: Call, name: string) => Promise<number>>> = {
  new: create,
  adopt,
  attach,
  rm: remove,
};

async function create({ deps, out, flags }: Call, name: string): Promise<number> {
  checkSessionName(name);
  const session = await newSession(deps, {
    name,
    context: await contextRequest(flags, deps),
    open: openMatters(flags),
    provider: flags.agent,
  });
  if (flags.json) await out.value(session);
  else await out.line(name);
  await out.talk(`Session ${name} is open. Send it a task with \`berth send --target ${name}\`.`);
  return 0;
}

async function adopt({ deps, out, flags }: Call, target: string): Promise<number> {
  const session = await adoptSession(deps, { target, name: flags.name });
  if (flags.json) await out.value(session);
  else await out.line(session.name);
  await out.talk(`Session ${session.name} is adopted; \`berth session rm ${session.name}\` lets go of it.`);
  return 0;
}

async function attach({ deps, out, flags }: Call, name: string): Promise<number> {
  checkSessionName(name);
  if (flags.json || out.columns === null) {
    throw new BerthError('berth session attach needs a terminal.', {
      code: 'USAGE',
      hint: 'Run it on a terminal; `berth logs -f ID` follows a task without one.',
    });
  }
  return deps.terminals.attach(name);
}

async function remove({ deps, out, flags }: Call, name: string): Promise<number> {
  await removeSession(deps, name);
  if (flags.json) await out.value({ name, removed: true });
  else await out.line(`Session ${name} is removed.`);
  return 0;
}
