import { services } from '../../actions/services.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { directoryArgument } from '../directory.ts';
import { table } from '../table.ts';
import { printable } from '../text.ts';

export default defineCommand({
  name: 'services',
  details: 'Exits with 1 when there is no Compose project.',
  arguments: { usage: '[DIR]', min: 0, max: 1, completes: 'dir' },
  flags: {
    all: { type: 'boolean', help: 'with services whose profile is not active' },
    ...JSON_FLAG,
  },
  examples: [
    ['berth services', 'lists the services of this directory'],
    ["berth services --all --json | jq -r '.[].name'", 'prints all names'],
  ],

  async run({ deps, out, flags, args }) {
    const list = await services(deps, directoryArgument(args, deps.cwd), flags.all);
    for (const warning of list.warnings) await out.warn(`warning: ${printable(warning)}`);
    if (flags.json) await out.value(list.services);
    else if (list.services.length > 0) {
      const columns = [
        { title: 'NAME' },
        { title: 'STATE' },
        { title: 'IMAGE', flexible: true },
        { title: 'BUILD' },
        { title: 'PROFILES' },
      ];
      const rows = list.services.map(({ name, state, image, build, profiles }) => [
        name,
        state ?? '-',
        image ?? '-',
        build ?? '-',
        profiles.join(', '),
      ]);
      await out.line(await table(columns, rows, { width: out.columns }));
    }
    return 0;
  },
});
