import { pause } from '../../actions/pauses.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';
import { nameOf, PAUSABLE_FLAGS, pausable } from '../pausable.ts';

export default defineCommand({
  name: 'pause',
  details: 'What runs goes on; nothing more of it starts until `berth resume`.',
  arguments: NO_ARGUMENTS,
  flags: { ...PAUSABLE_FLAGS, ...JSON_FLAG },
  examples: [
    ['berth pause', 'starts nothing more'],
    ['berth pause --group gpu', 'starts nothing more of the group gpu'],
  ],

  async run({ deps, out, flags }) {
    const what = pausable(flags);
    const changed = await pause(deps, what);
    if (flags.json) await out.value({ ...what, changed });
    else await out.line(`${nameOf(what)} ${changed ? 'is paused' : 'was paused already'}.`);
    return 0;
  },
});
