import { parseArgs } from 'node:util';
import { closest } from '../core/closest.ts';
import { BerthError } from '../core/errors.ts';
import type { CommandSpec, Flag, Flags, Given } from './command.ts';

export interface Parsed {
  readonly flags: Given<Flags>;
  readonly args: readonly string[];
}

type Token = NonNullable<ReturnType<typeof tokenize>>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

/**
 * Read the words after the verb.
 *
 * @throws {BerthError} `UNKNOWN_OPTION` with the closest one, or `USAGE`
 */
export function parse(spec: CommandSpec, argv: readonly string[]): Parsed | 'help' {
  const all = tokenize(spec, argv);
  const end = all.findIndex(
    ({ kind }) => kind === 'option-terminator' || (kind === 'positional' && spec.arguments.rest),
  );
  const ours = end === -1 ? all : all.slice(0, end);
  const options = ours.filter((token) => token.kind === 'option');
  if (options.some(({ name }) => name === 'help')) return 'help';
  const given = new Map<string, string[]>();
  for (const option of options) {
    given.set(option.name, [...(given.get(option.name) ?? []), checked(spec, option)]);
  }
  const before = ours.flatMap((token) => (token.kind === 'positional' ? token.value : []));
  const args = [...before, ...restOf(argv, all[end])];
  checkCount(spec, args);
  const flags = Object.entries(spec.flags).map(([name, flag]) => [name, flagValue(flag, given.get(name))]);
  return { flags: Object.fromEntries(flags), args };
}

function tokenize(spec: CommandSpec, argv: readonly string[]) {
  const options = Object.entries(spec.flags).map(([name, flag]) => [
    name,
    {
      type: flag.type === 'boolean' ? 'boolean' : 'string',
      ...(flag.short && { short: flag.short }),
    } as const,
  ]);
  const { tokens } = parseArgs({
    args: [...argv],
    options: { ...Object.fromEntries(options), help: { type: 'boolean', short: 'h' } },
    // unknown options are ours to name, and a value may begin with a dash
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens;
}

/** What stands behind `--`, or from the first word of the command on, as it was typed. */
function restOf(argv: readonly string[], end: Token | undefined): readonly string[] {
  if (end === undefined) return [];
  return argv.slice(end.kind === 'option-terminator' ? end.index + 1 : end.index);
}

function checked(spec: CommandSpec, { name, rawName, value }: OptionToken): string {
  const flag = Object.hasOwn(spec.flags, name) ? spec.flags[name] : undefined;
  if (!flag) throw unknownOption(spec, rawName);
  if (flag.type === 'boolean' && value !== undefined)
    throw usage(spec, `${rawName} takes no value, but was given "${value}".`);
  if (flag.type !== 'boolean' && value === undefined)
    throw usage(spec, `${rawName} needs a value: ${flag.value}.`);
  return value ?? '';
}

function unknownOption(spec: CommandSpec, typed: string): BerthError {
  const near = closest(
    typed,
    [...Object.keys(spec.flags), 'help'].map((name) => `--${name}`),
  );
  const separator = spec.name === 'send' ? ' Put `--` before a command that has options of its own.' : '';
  return new BerthError(`berth ${spec.name} has no option ${typed}.`, {
    code: 'UNKNOWN_OPTION',
    hint:
      near === null ? `See \`berth ${spec.name} --help\`.${separator}` : `Did you mean ${near}?${separator}`,
  });
}

function checkCount(spec: CommandSpec, args: readonly string[]): void {
  const { usage: wanted, min, max } = spec.arguments;
  if (args.length < min)
    throw usage(spec, `berth ${spec.name} needs ${wanted}${wanted.endsWith('.') ? '' : '.'}`);
  if (args.length > max) throw usage(spec, `berth ${spec.name} has no use for ${JSON.stringify(args[max])}.`);
}

function usage(spec: CommandSpec, sentence: string): BerthError {
  return new BerthError(sentence, { code: 'USAGE', hint: `See \`berth ${spec.name} --help\`.` });
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
