import type { Deps } from '../actions/deps.ts';
import type { Output } from './output.ts';

/** What completes a value in the shell. */
export type Completes = 'dir' | 'file' | 'command' | 'task' | 'session' | 'service' | readonly string[];

interface FlagBase {
  readonly help: string;
  /** Heading in the help; `Options` where there is none. */
  readonly group?: string;
  readonly short?: string;
}
export type Flag =
  | (FlagBase & { readonly type: 'boolean' })
  | (FlagBase & {
      /** `strings`: may be repeated. */
      readonly type: 'string' | 'strings';
      /** How the help names the value. */
      readonly value: string;
      readonly completes?: Completes;
    });
export type Flags = Readonly<Record<string, Flag>>;

/** What was given, by flag name; null for a value that was not. */
export type Given<F extends Flags> = { readonly [K in keyof F]: Value<F[K]['type']> };

type Value<T> = T extends 'boolean' ? boolean : T extends 'strings' ? readonly string[] : string | null;

export interface Arguments {
  /** How the usage line names them, such as `ID...`. */
  readonly usage: string;
  readonly min: number;
  readonly max: number;
  readonly completes?: Completes;
  /** Everything from the first argument on belongs to the command that is run, options too. */
  readonly rest?: boolean;
}

export interface Invocation<F extends Flags> {
  readonly deps: Deps;
  readonly out: Output;
  readonly flags: Given<F>;
  readonly args: readonly string[];
}

export interface CommandSpec<F extends Flags = Flags> {
  /** As in verbs.ts, which has the summary too. */
  readonly name: string;
  /** Further text of the help, wrapped by hand. */
  readonly details?: string;
  readonly arguments: Arguments;
  readonly flags: F;
  /** Two command lines, each with what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** The exit code. */
  run(invocation: Invocation<F>): Promise<number>;
}

/** Gives a command's `run` the types of its own flags. */
export function defineCommand<const F extends Flags>(spec: CommandSpec<F>): CommandSpec {
  return spec as unknown as CommandSpec;
}

export const JSON_FLAG = { json: { type: 'boolean', help: 'print JSON on stdout' } } as const satisfies Flags;

export const NO_ARGUMENTS: Arguments = { usage: '', min: 0, max: 0 };
