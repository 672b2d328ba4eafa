import type { Deps } from '../actions/deps.ts';
import { closest } from '../core/closest.ts';
import { BerthError } from '../core/errors.ts';
import { rawArguments } from './argv.ts';
import type { CommandSpec } from './command.ts';
import { completionLines } from './complete.ts';
import { helpText, overviewText } from './help.ts';
import { createOutput, type Io, type Output, reportError } from './output.ts';
import { parse } from './parse.ts';
import { VERBS } from './verbs.ts';

/**
 * Run one command line: find the verb, parse, act, print.
 *
 * @param argv  the words after the program's name
 * @returns     the exit code; see docs/errors.md
 */
export async function main(argv: readonly string[], deps: Deps, io: Io): Promise<number> {
  const words = rawArguments(argv);
  let out = createOutput(io, deps.env, wantsJson(words));
  try {
    const text = aboutBerth(words, deps.version);
    if (text !== null) return await say(out, text);
    const [verb = '', ...rest] = words;
    if (verb === '__complete') return await complete(rest, deps, out);
    const spec = commandOf(verb);
    const parsed = parse(spec, rest);
    if (parsed === 'help') return await say(out, helpText(spec, out.columns ?? 100));
    // what stands after the program's name of `berth run` is not ours
    out = { ...out, json: parsed.flags.json === true };
    return await spec.run({ deps, out, ...parsed });
  } catch (error) {
    return reportError(error, out, Boolean(deps.env.BERTH_DEBUG));
  }
}

/** The answer to a command line without a verb of its own; null for all others. */
function aboutBerth([verb, topic]: readonly string[], version: string): string | null {
  if (verb === '--version' || verb === '-V') return version;
  if (verb === 'help' && topic !== undefined) {
    return helpText(commandOf(topic), 100);
  }
  if (verb !== undefined && verb !== 'help' && verb !== '--help' && verb !== '-h') return null;
  return overviewText();
}

/** @throws {BerthError} `UNKNOWN_COMMAND` with the closest verb */
function commandOf(verb: string): CommandSpec {
  const entry = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (entry) return entry.command;
  if (verb.startsWith('-')) {
    throw new BerthError(`berth has no option ${verb} in front of the verb.`, {
      code: 'UNKNOWN_OPTION',
      hint: 'Options come after the verb: `berth list --json`.',
    });
  }
  const near = closest(verb, Object.keys(VERBS));
  throw new BerthError(`berth has no verb "${verb}".`, {
    code: 'UNKNOWN_COMMAND',
    hint: near === null ? 'See `berth --help`.' : `Did you mean \`berth ${near}\`?`,
  });
}

/** Asked by the completion scripts, see completion-scripts.ts. */
async function complete(words: readonly string[], deps: Deps, out: Output): Promise<number> {
  for (const line of await completionLines(words, deps)) await out.line(line);
  return 0;
}

async function say(out: Output, text: string): Promise<number> {
  await out.line(text);
  return 0;
}

/** Known before parsing, so that errors of parsing are JSON too. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end === -1 ? words : words.slice(0, end)).includes('--json');
}
