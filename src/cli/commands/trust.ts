import { defineCommand, JSON_FLAG } from '../command.ts';
import { directoryArgument } from '../directory.ts';

export default defineCommand({
  name: 'trust',
  details: 'Trust holds for the content of the file: after a change it has to be given again.',
  arguments: { usage: '[DIR]', min: 0, max: 1, completes: 'dir' },
  flags: JSON_FLAG,
  examples: [
    ['berth trust', 'trusts the berth.yaml of this project'],
    ['berth trust ../api', 'trusts that of another one'],
  ],

  async run({ deps, out, flags, args }) {
    const path = await deps.contexts.trust(directoryArgument(args, deps.cwd));
    if (flags.json) await out.value({ path });
    else await out.line(`Trusted ${path} as it is now.`);
    return 0;
  },
});
