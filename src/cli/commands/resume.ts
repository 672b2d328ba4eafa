import { resume } from '../../actions/pauses.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';
import { nameOf, PAUSABLE_FLAGS, pausable } from '../pausable.ts';

export default defineCommand({
  name: 'resume',
  details: 'Undo `berth pause`, for the same thing.',
  arguments: NO_ARGUMENTS,
  flags: { ...PAUSABLE_FLAGS, ...JSON_FLAG },
  examples: [
    ['berth resume', 'starts tasks again'],
    ['berth resume --session build', 'lets the session build take tasks again'],
  ],

  async run({ deps, out, flags }) {
    const what = pausable(flags);
    const changed = await resume(deps, what);
    if (flags.json) await out.value({ ...what, changed });
    else await out.line(`${nameOf(what)} ${changed ? 'goes on' : 'was not paused'}.`);
    return 0;
  },
});
