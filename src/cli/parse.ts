import { Command, CommanderError, Option } from 'commander';
import { closest } from '../core/closest.ts';
import { BerthError } from '../core/errors.ts';
import type { CommandSpec, Flag, Flags, Given } from './command.ts';
import { VERBS } from './verbs.ts';

export interface Parsed {
  readonly flags: Given<Flags>;
  readonly args: readonly string[];
}

/**
 * Read the words after the verb.
 *
 * @throws {BerthError} `UNKNOWN_OPTION` with the closest one, or `USAGE`
 */
export function parse(spec: CommandSpec, argv: readonly string[]): Parsed | 'help' {
  const given = new Map<string, string[]>();
  const command = commanderOf(spec);
  for (const name of Object.keys(spec.flags)) {
    command.on(`option:${name}`, (value: string | null) => {
      given.set(name, [...(given.get(name) ?? []), value ?? '']);
    });
  }
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.help' || error.code === 'commander.helpDisplayed') return 'help';
    throw usageError(spec, error);
  }
  checkCount(spec, command.args);
  const flags = Object.entries(spec.flags).map(([name, flag]) => [name, flagValue(flag, given.get(name))]);
  return { flags: Object.fromEntries(flags), args: command.args };
}

/** The help of one verb: usage, options by group, two examples. */
export function helpText(spec: CommandSpec, columns: number): string {
  const command = commanderOf(spec);
  command.configureHelp({ helpWidth: columns, subcommandTerm: () => '' });
  const examples = spec.examples.map(([line, does]) => `  ${line}\n      ${does}`).join('\n');
  const details = spec.details === undefined ? '' : `${spec.details}\n\n`;
  return `${command.helpInformation()}\n${details}Examples:\n${examples}`;
}

function commanderOf(spec: CommandSpec): Command {
  const command = new Command(`berth ${spec.name}`)
    .description(VERBS[spec.name]?.summary ?? '')
    .usage(
      `${spec.arguments.rest ? '[options] [--] ' : ''}${spec.arguments.usage}${spec.arguments.rest ? '' : ' [options]'}`.trim(),
    )
    .argument('[arguments...]')
    .helpOption('-h, --help', 'show this help')
    .configureHelp({ visibleArguments: () => [] })
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .passThroughOptions(spec.arguments.rest ?? false)
    .exitOverride();
  for (const [name, flag] of Object.entries(spec.flags)) command.addOption(optionOf(name, flag));
  return command;
}

function optionOf(name: string, flag: Flag): Option {
  const names = flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;
  const value = flag.type === 'boolean' ? '' : ` <${flag.value}>`;
  return new Option(`${names}${value}`, flag.help).helpGroup(`${flag.group ?? 'Options'}:`);
}

function flagValue(
  flag: Flag,
  values: readonly string[] | undefined,
): boolean | string | readonly string[] | null {
  switch (flag.type) {
    case 'boolean':
      return values !== undefined;
    case 'string':
      return values?.at(-1) ?? null;
    case 'strings':
      return values ?? [];
  }
}

function usageError(spec: CommandSpec, error: CommanderError): BerthError {
  const sentence = `${error.message.replace(/^error: /, '').split('\n', 1)[0]}.`;
  if (error.code !== 'commander.unknownOption') {
    return new BerthError(capital(sentence), { code: 'USAGE', hint: `See \`berth ${spec.name} --help\`.` });
  }
  const typed = /'(.*)'/s.exec(error.message)?.[1]?.split('=', 1)[0] ?? '';
  const known = [...Object.keys(spec.flags), 'help'].map((name) => `--${name}`);
  const near = closest(typed, known);
  const separator = spec.name === 'send' ? ' Put `--` before a command that has options of its own.' : '';
  return new BerthError(`berth ${spec.name} has no option ${typed}.`, {
    code: 'UNKNOWN_OPTION',
    hint:
      near === null ? `See \`berth ${spec.name} --help\`.${separator}` : `Did you mean ${near}?${separator}`,
  });
}

function checkCount({ name, arguments: { usage, min, max } }: CommandSpec, args: readonly string[]): void {
  if (args.length >= min && args.length <= max) return;
  const sentence =
    args.length < min
      ? `berth ${name} needs ${usage}.`
      : `berth ${name} was given ${JSON.stringify(args[max])}, which it has no use for.`;
  throw new BerthError(sentence, { code: 'USAGE', hint: `See \`berth ${name} --help\`.` });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
