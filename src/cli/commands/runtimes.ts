import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';
import { printable } from '../text.ts';

export default defineCommand({
  name: 'runtimes',
  details: 'Answers within 3 s, whatever hangs.',
  arguments: NO_ARGUMENTS,
  flags: JSON_FLAG,
  examples: [
    ['berth runtimes', 'shows docker, podman, compose, kubernetes, tmux and ssh'],
    ['berth runtimes --json | jq .docker.available', 'prints whether docker answers'],
  ],

  async run({ deps, out, flags }) {
    const report = await deps.engines.probe();
    if (flags.json) await out.value(report);
    else {
      for (const [name, { available, version, reason }] of Object.entries(report)) {
        await out.line(
          `${name.padEnd(11)} ${available ? `answers (${version ?? 'version unknown'})` : printable(reason ?? 'no')}`,
        );
      }
    }
    return 0;
  },
});
