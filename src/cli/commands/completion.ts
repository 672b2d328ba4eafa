import { BerthError } from '../../core/errors.ts';
import { defineCommand } from '../command.ts';
import { COMPLETION_SCRIPTS } from '../completion-scripts.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export default defineCommand({
  name: 'completion',
  arguments: { usage: 'bash|zsh|fish', min: 1, max: 1, completes: SHELLS },
  flags: { json: { type: 'boolean', help: 'print the script as JSON' } },
  examples: [
    ['source <(berth completion bash)', 'completes in this shell; put it into ~/.bashrc to keep it'],
    ['berth completion fish > ~/.config/fish/completions/berth.fish', 'installs it for fish'],
  ],

  async run({ out, flags, args }) {
    const shell = SHELLS.find((known) => known === args[0]);
    if (shell === undefined) {
      throw new BerthError(`There is no completion for the shell "${args[0]}".`, {
        code: 'INVALID_VALUE',
        hint: `The shells are ${SHELLS.join(', ')}.`,
      });
    }
    const script = COMPLETION_SCRIPTS[shell];
    if (flags.json) await out.value({ shell, script });
    else await out.line(script.trimEnd());
    return 0;
  },
});
