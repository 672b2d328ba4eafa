import type { CommandSpec, Flag } from './command.ts';
import { VERBS } from './verbs.ts';

/** What `berth` alone prints: every verb in one screen. */
export function overviewText(): string {
  const groups = [...new Set(Object.values(VERBS).map((verb) => verb.group))];
  const width = Math.max(...Object.keys(VERBS).map((name) => name.length));
  const blocks = groups.map((group) => {
    const verbs = Object.entries(VERBS).filter(([, verb]) => verb.group === group);
    return [`${group}:`, ...verbs.map(([name, verb]) => `  ${name.padEnd(width)} ${verb.summary}`)].join(
      '\n',
    );
  });
  return [
    'berth: every task runs in the right place, and you can see why.',
    'Usage: berth VERB [options]',
    ...blocks,
    'Examples:\n  berth run --use-container -- pytest -q\n  berth send "npm test" --timeout 30m',
    '`berth VERB --help` shows the options of a verb.',
  ].join('\n\n');
}

/** The help of one verb: usage, options by group, two examples. */
export function helpText(spec: CommandSpec, columns: number): string {
  const { usage, rest } = spec.arguments;
  const words = rest ? ['[options]', '[--]', usage] : [usage, '[options]'];
  const flags = [...Object.entries(spec.flags), ['help', HELP_FLAG] as const];
  const width = Math.max(...flags.map(([name, flag]) => term(name, flag).length));
  const groups = [...new Set(['Options', ...flags.map(([, flag]) => flag.group ?? 'Options')])];
  return [
    ['Usage: berth', spec.name, ...words].filter(Boolean).join(' '),
    VERBS[spec.name]?.summary ?? '',
    ...groups.map((group) => {
      const members = flags.filter(([, flag]) => (flag.group ?? 'Options') === group);
      return [
        `${group}:`,
        ...members.map(([name, flag]) => optionLines(term(name, flag), flag.help, { width, columns })),
      ].join('\n');
    }),
    ...(spec.details === undefined ? [] : [spec.details]),
    ['Examples:', ...spec.examples.map(([line, does]) => `  ${line}\n      ${does}`)].join('\n'),
  ].join('\n\n');
}

const HELP_FLAG: Flag = { type: 'boolean', short: 'h', help: 'show this help' };

function term(name: string, flag: Flag): string {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  return `${short}--${name}${flag.type === 'boolean' ? '' : ` ${flag.value}`}`;
}

function optionLines(
  option: string,
  help: string,
  { width, columns }: { width: number; columns: number },
): string {
  const [first = '', ...more] = wrap(help, Math.max(20, columns - width - 4));
  const indent = ' '.repeat(width + 4);
  return [`  ${option.padEnd(width)}  ${first}`, ...more.map((line) => indent + line)].join('\n');
}

function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
