import { type Diagnosis, doctor } from '../../actions/doctor.ts';
import { colors } from '../colors.ts';
import { defineCommand, JSON_FLAG, NO_ARGUMENTS } from '../command.ts';
import { table } from '../table.ts';
import { printable } from '../text.ts';

export default defineCommand({
  name: 'doctor',
  details: 'Exits with 1 when something is broken. What is merely not installed is no fault.',
  arguments: NO_ARGUMENTS,
  flags: JSON_FLAG,
  examples: [
    ['berth doctor', 'checks this machine, each fault with its mend'],
    ['berth doctor --json | jq .settings', 'prints each setting and where it comes from'],
  ],

  async run({ deps, out, flags }) {
    const diagnosis = await doctor(deps);
    if (flags.json) await out.value(diagnosis);
    else await out.line(await text(diagnosis, out));
    return diagnosis.healthy ? 0 : 1;
  },
});

async function text({ version, checks, settings }: Diagnosis, { color, columns }: Look): Promise<string> {
  const { green, red, dim } = colors(color);
  const marks = { good: green('ok     '), missing: dim('missing'), broken: red('broken ') };
  const lines = checks.flatMap(({ name, state, message, hint }) => [
    `${marks[state]}  ${name.padEnd(10)} ${printable(message)}`,
    ...(hint === null ? [] : [`         ${' '.repeat(10)} ${printable(hint)}`]),
  ]);
  const rows = settings.map(({ name, value, origin }) => [name, value, origin]);
  const titles = [{ title: 'SETTING' }, { title: 'VALUE' }, { title: 'FROM', flexible: true }];
  return [`berth ${version}`, ...lines, '', await table(titles, rows, { width: columns })].join('\n');
}

interface Look {
  readonly color: boolean;
  readonly columns: number | null;
}
