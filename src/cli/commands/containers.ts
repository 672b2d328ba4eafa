import { containers } from '../../actions/containers.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';
import { checkName } from '../context-options.ts';
import { table } from '../table.ts';

export default defineCommand({
  name: 'containers',
  arguments: NO_ARGUMENTS,
  flags: {
    image: { type: 'string', value: 'I', help: 'only those made from this image' },
    ...JSON_FLAG,
  },
  examples: [
    ['berth containers', 'lists what runs in docker and podman'],
    ['berth containers --image postgres:16 --json', 'prints those made from one image'],
  ],

  async run({ deps, out, flags }) {
    const rows = await containers(deps, flags.image === null ? null : checkName('--image', flags.image));
    if (flags.json) await out.value(rows);
    else if (rows.length > 0) {
      const columns = [
        { title: 'NAME' },
        { title: 'ID' },
        { title: 'IMAGE', flexible: true },
        { title: 'SERVICE' },
        { title: 'ENGINE' },
      ];
      const cells = rows.map((row) => [
        row.name,
        row.container_id.slice(0, 12),
        row.container_image,
        row.container_service ?? '-',
        row.engine,
      ]);
      await out.line(await table(columns, cells, { width: out.columns }));
    }
    if (rows.length === 0) await out.talk('No container runs.');
    return 0;
  },
});
