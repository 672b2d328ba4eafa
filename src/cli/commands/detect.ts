import type { Detection } from '../../core/detection.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { directoryArgument } from '../directory.ts';
import { printable } from '../text.ts';

export default defineCommand({
  name: 'detect',
  details: 'Reads files only. Exits with 1 when they describe no container context.',
  arguments: { usage: '[DIR]', min: 0, max: 1, completes: 'dir' },
  flags: JSON_FLAG,
  examples: [
    ['berth detect', 'shows the container context of this directory'],
    ['berth detect ../api --json | jq -r .type', 'prints its type'],
  ],

  async run({ deps, out, flags, args }) {
    const found = await deps.contexts.detect(directoryArgument(args, deps.cwd));
    if (flags.json) await out.value(found);
    else await out.line(text(found));
    return found.type === null ? 1 : 0;
  },
});

function text(found: Detection): string {
  return [
    `${found.type ?? 'none'}${found.ambiguous ? ' (ambiguous)' : ''}: ${found.reason}`,
    ...found.candidates.flatMap(({ type, confidence, evidence }) => [
      `  ${type} (${confidence})`,
      ...evidence.map(({ path, rule }) => `    ${path}: ${rule}`),
    ]),
    ...(found.services ? [`  services: ${found.services.join(', ') || 'none'}`] : []),
    ...found.warnings.map((warning) => `warning: ${warning}`),
  ]
    .map(printable)
    .join('\n');
}
