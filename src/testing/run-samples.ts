import type { Payload } from '../core/task.ts';
import { argv, line } from './runs.ts';

// What the contract of whole runs puts through a box.

/**
 * Ignores TERM, with a grandchild, one in a session of its own, and one there that also forgot its variables.
 * Each carries the mark in its arguments.
 */
export function stubborn(mark: string): Payload {
  const loop = `trap "" TERM HUP INT; while :; do sleep 1; done # ${mark}`;
  return line(
    [
      "trap '' TERM HUP INT",
      `sh -c 'sh -c '\\''${loop}'\\'' & wait; :' &`,
      `setsid sh -c '${loop}' &`,
      `env -i PATH="$PATH" setsid sh -c '${loop}' &`,
      'sleep 0.3; echo up',
      'while :; do sleep 1; done',
    ].join('\n'),
  );
}

/** Ends at TERM, and leaves one that ignores it, in a session of its own and without the task's variables. */
export function hiding(mark: string): Payload {
  const loop = `trap "" TERM; while :; do sleep 1; done # ${mark}`;
  return line(`env -i PATH="$PATH" setsid sh -c '${loop}' & sleep 0.3; echo up; sleep 1000`);
}

/** Prints its arguments, each with a NUL behind it. */
export function showing(words: readonly string[]): Payload {
  return argv(...showingWords(words));
}

/** The same as an argument list. */
export function showingWords(words: readonly string[]): readonly string[] {
  return ['sh', '-c', 'for one; do printf "%s\\0" "$one"; done', 'sh', ...words];
}

/** Those that shells and engines give a meaning of their own, and some that nobody does. */
export const CODES = [0, 1, 2, 7, 64, 100, 124, 125, 126, 127, 128, 130, 137, 143, 254, 255];

/** What a shell, an engine or a program in between may take for something else. */
export const AWKWARD_TEXT = [
  'plain',
  '',
  ' ',
  'two words',
  `it's "quoted"`,
  '$(id)',
  '`id`',
  '$HOME',
  '\\',
  '\\n',
  'line\nbreak',
  '\n',
  '\ttab',
  '--help',
  '-x',
  '--',
  '*',
  '~',
  '#no comment',
  '{a,b}',
  'a=b',
  '!',
  'é漢🚢',
  '%s%n',
  ' trailing ',
  '\r',
  '\u001b[31m',
  'x'.repeat(100_000),
];

/** Also what is not UTF-8. */
export const AWKWARD = [...AWKWARD_TEXT, '\udcff', 'a\udce9b\udcc3'];

export const TEXT_VARIABLES = {
  GREETING: `it's "quoted" $(id) \`id\` \\`,
  EMPTY: '',
  LINES: 'one\ntwo\n\nthree\n',
  EQUALS: 'a=b=c',
  UNICODE: 'é漢🚢',
  LOWER_case_1: ' spaces ',
  DOCKER_HOST: 'tcp://not.for.the.client',
  CONTAINER_HOST: 'tcp://not.for.the.client',
  DATABASE_URL: 'postgres://user:password@db/name',
} as const;

/** Also what is not UTF-8, or long. */
export const VARIABLES = { ...TEXT_VARIABLES, LATIN: 'caf\udce9', LONG: 'x'.repeat(100_000) } as const;

/**
 * Those that end a program, with their numbers on Linux; 128+n is the exit code. QUIT is left out: an engine that
 * was started in the background of a shell ignores it, and so does everything in its containers.
 */
export const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  IO: 29,
  PWR: 30,
  SYS: 31,
};
