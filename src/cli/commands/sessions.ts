import { type SessionColumns, sessions } from '../../actions/sessions.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';
import { table } from '../table.ts';

export default defineCommand({
  name: 'sessions',
  arguments: NO_ARGUMENTS,
  flags: JSON_FLAG,
  examples: [
    ['berth sessions', 'lists the sessions'],
    ["berth sessions --json | jq '.[] | select(.container_id != null)'", 'prints those inside a container'],
  ],

  async run({ deps, out, flags }) {
    const rows = await sessions(deps);
    if (flags.json) await out.value(rows);
    else if (rows.length > 0) await out.line(await sessionsText(rows, out.columns));
    if (rows.length === 0)
      await out.talk('No sessions. `berth up` makes slots, `berth session new NAME` a terminal.');
    return 0;
  },
});

export async function sessionsText(rows: readonly SessionColumns[], width: number | null): Promise<string> {
  const columns = [
    { title: 'NAME' },
    { title: 'STATUS' },
    { title: 'TASK', align: 'right' },
    { title: 'PROVIDER' },
    { title: 'CONTAINER' },
    { title: 'BRANCH' },
    { title: 'DIRECTORY', flexible: true },
  ] as const;
  const cells = rows.map((row) => [
    row.name,
    row.status.replace('_', ' '),
    row.current_task_id === null ? '' : String(row.current_task_id),
    row.provider ?? '',
    row.container_service ?? row.container_image ?? '',
    row.git_branch ?? '',
    row.current_dir ?? '',
  ]);
  return await table(columns, cells, { width });
}
