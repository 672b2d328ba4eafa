import { init } from '../../actions/init.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { directoryArgument } from '../directory.ts';

export default defineCommand({
  name: 'init',
  arguments: { usage: '[DIR]', min: 0, max: 1, completes: 'dir' },
  flags: {
    print: { type: 'boolean', help: 'print it instead of writing it' },
    force: { type: 'boolean', help: 'replace the one that is there' },
    ...JSON_FLAG,
  },
  examples: [
    ['berth init', 'writes berth.yaml into this directory'],
    ['berth init --print', 'shows what it would write'],
  ],

  async run({ deps, out, flags, args }) {
    const dir = directoryArgument(args, deps.cwd);
    if (flags.print) {
      const text = await deps.contexts.draft(dir);
      if (flags.json) await out.value({ path: null, text });
      else await out.line(text.trimEnd());
      return 0;
    }
    const path = await init(deps, dir, flags.force);
    if (flags.json) await out.value({ path });
    else
      await out.line(
        `Wrote ${path}. Read it, then see what it changes with \`berth explain --use-container\`.`,
      );
    return 0;
  },
});
