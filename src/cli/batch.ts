import type { Deps } from '../actions/deps.ts';
import type { TaskRequest } from '../actions/task-spec.ts';
import { BerthError } from '../core/errors.ts';
import { type CommandSpec, defineCommand, type Given } from './command.ts';
import { CONTEXT_FLAGS } from './context-flags.ts';
import { linesOf } from './lines.ts';
import { parse } from './parse.ts';
import { QUEUE_FLAGS } from './queue-flags.ts';

/**
 * Read a file of tasks, one JSON object a line: `command` (a shell line, or an argument list) and options of
 * `send` by their long names, such as `{"command": ["make", "-j4"], "priority": 7, "env": ["A=1"]}`.
 *
 * @param requestOf  what `send` makes of a command line
 * @throws {BerthError} as the command line would, with the number of the line
 */
export async function readBatch(
  path: string,
  caller: Pick<Deps, 'cwd'>,
  requestOf: (line: TaskLine) => Promise<TaskRequest>,
): Promise<readonly TaskRequest[]> {
  const requests: TaskRequest[] = [];
  let number = 0;
  for await (const line of linesOf(path, caller)) {
    number += 1;
    if (line.trim() === '') continue;
    try {
      const parsed = parse(LINE, argvOf(line));
      if (parsed === 'help') throw wrong('asks for help');
      requests.push(await requestOf(parsed as TaskLine));
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      const { code, hint } = error;
      throw new BerthError(`Line ${number}: ${error.message}`, { code, hint, cause: error });
    }
  }
  return requests;
}

/** What one task can be given. */
export const TASK_FLAGS = { ...CONTEXT_FLAGS, ...QUEUE_FLAGS };

export interface TaskLine {
  readonly flags: Given<typeof TASK_FLAGS>;
  readonly args: readonly string[];
}

const LINE: CommandSpec = defineCommand({
  name: 'send',
  arguments: { usage: 'a command', min: 1, max: Number.POSITIVE_INFINITY },
  flags: TASK_FLAGS,
  examples: [],
  run: () => Promise.reject(new Error('a line of a batch is read, not run')),
});

/** The command line that means the same. */
function argvOf(line: string): readonly string[] {
  const { command, ...options } = objectOf(line);
  const words = typeof command === 'string' ? [command] : command;
  if (!isTexts(words)) throw wrong('has no "command" that is a text or a list of texts');
  return [...Object.entries(options).flatMap(([name, value]) => optionOf(name, value)), '--', ...words];
}

function objectOf(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw wrong('is no JSON');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw wrong('is no JSON object');
}

function optionOf(name: string, value: unknown): readonly string[] {
  if (value === true) return [`--${name}`];
  if (value === false || value === null) return [];
  const texts = (Array.isArray(value) ? value : [value]).map((one) =>
    typeof one === 'number' ? String(one) : one,
  );
  if (!isTexts(texts)) throw wrong(`gives "${name}" neither a text, a number, true, nor a list of them`);
  return texts.map((text) => `--${name}=${text}`);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function wrong(what: string): BerthError {
  return new BerthError(`It ${what}.`, {
    code: 'BAD_DATA',
    hint: 'Write one task a line, such as {"command": "npm test", "priority": 7}; nothing was queued.',
  });
}
