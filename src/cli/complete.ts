import { existsSync } from 'node:fs';
import type { Deps } from '../actions/deps.ts';
import { contentOf } from '../actions/task-rows.ts';
import type { CommandSpec, Completes, Flag } from './command.ts';
import { printable } from './text.ts';
import { VERBS } from './verbs.ts';

/** What may stand at the cursor: words of ours, or what the shell itself knows. */
export type Suggestion =
  | { readonly kind: 'words'; readonly words: readonly Word[] }
  | { readonly kind: 'files' | 'dirs' | 'command' };
type Word = readonly [value: string, description: string];

/**
 * What a completion script prints and the shell reads: `value<TAB>description` a line, or one line
 * `:files`, `:dirs`, `:command` for what the shell completes itself. Nothing of the typed words is evaluated.
 */
export async function completionLines(words: readonly string[], deps: Deps): Promise<readonly string[]> {
  const suggestion = await suggest(words, deps).catch((): Suggestion => ({ kind: 'words', words: [] }));
  if (suggestion.kind !== 'words') return [`:${suggestion.kind}`];
  return suggestion.words.map(([value, description]) => `${value}\t${printable(description)}`);
}

/** @param words  what was typed after `berth`, up to the cursor; the last one is being completed and may be empty */
export async function suggest(words: readonly string[], deps: Deps): Promise<Suggestion> {
  const typed = words.at(-1) ?? '';
  const [verb = '', ...before] = words.slice(0, -1);
  if (words.length <= 1) return matching(verbWords(), typed);
  if (verb === 'help') return matching(before.length === 0 ? verbWords() : [], typed);
  const entry = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (!entry) return { kind: 'words', words: [] };
  return suggestFor(entry.command, { before, typed }, deps);
}

async function suggestFor(
  spec: CommandSpec,
  { before, typed }: { readonly before: readonly string[]; readonly typed: string },
  deps: Deps,
): Promise<Suggestion> {
  const { open, positional, ended } = readBefore(spec, before);
  if (open !== null) return values(open, { prefix: '', typed }, deps);
  const assigned = /^--([a-z-]+)=(.*)$/s.exec(typed);
  if (assigned && !ended) {
    const [, name = '', value = ''] = assigned;
    const flag = spec.flags[name];
    return flag && flag.type !== 'boolean'
      ? values(flag.completes, { prefix: `--${name}=`, typed: value }, deps)
      : NOTHING;
  }
  if (typed.startsWith('-') && !ended) return matching(flagWords(spec), typed);
  if (positional > 0 && spec.arguments.completes === 'command') return { kind: 'files' };
  return positional < spec.arguments.max
    ? values(spec.arguments.completes, { prefix: '', typed }, deps)
    : NOTHING;
}

const NOTHING: Suggestion = { kind: 'words', words: [] };

interface Before {
  /** What the flag right before the cursor takes, where it takes a value; null after none. */
  readonly open: Completes | undefined | null;
  readonly positional: number;
  /** Options are over. */
  readonly ended: boolean;
}

function readBefore(spec: CommandSpec, words: readonly string[]): Before {
  let open: Completes | undefined | null = null;
  let positional = 0;
  let ended = false;
  for (const word of words) {
    // bash takes --flag=value apart
    if (word === '=') continue;
    if (open !== null) open = null;
    else if (ended) positional += 1;
    else if (word === '--') ended = true;
    else if (word.startsWith('-')) {
      const flag = flagOf(spec, word);
      open = flag && flag.type !== 'boolean' ? flag.completes : null;
    } else {
      positional += 1;
      ended = spec.arguments.rest ?? false;
    }
  }
  return { open, positional, ended };
}

function flagOf(spec: CommandSpec, word: string): Flag | undefined {
  if (word.startsWith('--')) return spec.flags[word.slice(2)];
  return Object.values(spec.flags).find(({ short }) => short === word.slice(1));
}

async function values(
  completes: Completes | undefined,
  { prefix, typed }: { readonly prefix: string; readonly typed: string },
  deps: Deps,
): Promise<Suggestion> {
  switch (completes) {
    case undefined:
      return NOTHING;
    case 'dir':
      return { kind: 'dirs' };
    case 'file':
      return { kind: 'files' };
    case 'command':
      return { kind: 'command' };
    default: {
      const words = await wordsOf(completes, deps);
      return matching(
        words.map(([value, description]) => [prefix + value, description]),
        prefix + typed,
      );
    }
  }
}

async function wordsOf(
  completes: 'task' | 'session' | 'service' | readonly string[],
  deps: Deps,
): Promise<readonly Word[]> {
  switch (completes) {
    case 'task':
      return taskWords(deps);
    case 'session':
      return sessionWords(deps);
    case 'service':
      return serviceWords(deps);
    default:
      return completes.map((value) => [value, '']);
  }
}

function matching(words: readonly Word[], typed: string): Suggestion {
  return { kind: 'words', words: words.filter(([value]) => value.startsWith(typed)) };
}

function verbWords(): readonly Word[] {
  return Object.entries(VERBS).map(([name, { summary }]) => [name, summary]);
}

function flagWords(spec: CommandSpec): readonly Word[] {
  const flags = Object.entries(spec.flags).map(([name, { help }]): Word => [`--${name}`, help]);
  return [...flags, ['--help', 'show the help of this verb']];
}

/** Completion makes nothing: without a state folder there are no tasks. */
async function taskWords(deps: Deps): Promise<readonly Word[]> {
  if (!existsSync(deps.home)) return [];
  const tasks = await (await deps.store()).tasks({ limit: 50 });
  return tasks.map((task) => [String(task.id), contentOf(task.spec.payload).slice(0, 60)]);
}

async function sessionWords(deps: Deps): Promise<readonly Word[]> {
  if (!existsSync(deps.home)) return [];
  const sessions = await (await deps.store()).sessions();
  return sessions.map(({ name, status }) => [name, status.replace('_', ' ')]);
}

async function serviceWords(deps: Deps): Promise<readonly Word[]> {
  const { services } = await deps.contexts.services(deps.cwd, true);
  return services.map(({ name, image }) => [name, image ?? '']);
}
