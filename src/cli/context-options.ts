import { resolve } from 'node:path';
import type { Deps } from '../actions/deps.ts';
import { readEnvFile } from '../actions/env-file.ts';
import type { OpenMatters } from '../actions/project-defaults.ts';
import type { ContextRequest, VenvRequest } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import type { Given } from './command.ts';
import { containerRequest } from './container-options.ts';
import type { CONTEXT_FLAGS } from './context-flags.ts';
import { existingDirectory } from './directory.ts';

export type ContextFlags = Given<typeof CONTEXT_FLAGS>;

type Caller = Pick<Deps, 'cwd' | 'env'> & { readonly host?: Pick<Deps['host'], 'name'> };

/**
 * The context options of a command line as one value, checked here and nowhere else. Of a directory on another
 * host nothing is known here.
 *
 * @param reach  `queue`: another host of the queue may be named; whether there is one is for `send` to find out
 * @throws {BerthError} `DIRECTORY_NOT_FOUND`, `FILE_NOT_FOUND`, `ENV_FILE_INVALID`, `INVALID_VALUE`, `CONTEXT_CONFLICT`
 */
export async function contextRequest(
  flags: ContextFlags,
  caller: Caller,
  reach: 'here' | 'queue' = 'here',
): Promise<ContextRequest> {
  const host = namedHost(flags.host, caller, reach);
  const place = flags.workdir ?? '.';
  const workdir = host === 'local' ? existingDirectory(place, caller.cwd) : resolve(caller.cwd, place);
  return {
    host,
    workdir,
    env: await environment(flags, caller),
    prereqs: flags.prereq,
    gitBranch: flags['git-branch'] === null ? null : checkName('--git-branch', flags['git-branch']),
    worktree: worktree(flags),
    venv: venv(flags, workdir),
    container: containerRequest(flags, workdir),
  };
}

/** @returns `local` for this machine: whoever asks for another one must not end up on this */
function namedHost(name: string | null, { host }: Caller, reach: 'here' | 'queue'): string {
  if (name === null || ['local', host?.name].includes(checkName('--host', name))) return 'local';
  if (reach === 'queue') return name;
  throw new BerthError(`Host ${JSON.stringify(name)} is not this machine, where this verb works.`, {
    code: 'HOST_UNKNOWN',
    hint: 'Leave --host out, queue it with `berth send --host`, or run berth over ssh.',
  });
}

/** What the options leave for the project's `berth.yaml` to settle. */
export function openMatters(flags: ContextFlags): OpenMatters {
  return {
    container: !flags['no-container'],
    venv: !flags['auto-venv'] && !flags['no-venv'] && flags.venv === null,
    workdir: flags.workdir === null,
  };
}

/**
 * A name that goes to a program of its own: never read as an option, a second line or a tmux format.
 *
 * @throws {BerthError} `INVALID_VALUE`
 */
export function checkName(option: string, value: string): string {
  if (value !== '' && !value.startsWith('-') && !/[\s\0-\x1f\x7f]|#\(/.test(value)) return value;
  throw new BerthError(`${option} ${JSON.stringify(value)} is not a name.`, {
    code: 'INVALID_VALUE',
    hint: 'A name is not empty, does not begin with a dash, and holds no blanks and no control characters.',
  });
}

export function conflict(sentence: string, hint: string): BerthError {
  return new BerthError(sentence, { code: 'CONTEXT_CONFLICT', hint });
}

/** Files first, in order, then `--env`, as Compose does. */
export async function environment(
  flags: Pick<ContextFlags, 'env' | 'env-file'>,
  caller: Caller,
): Promise<Readonly<Record<string, string>>> {
  const env: Record<string, string> = {};
  for (const file of flags['env-file']) {
    Object.assign(env, await readEnvFile(resolve(caller.cwd, file), caller.env));
  }
  for (const text of flags.env) {
    const [name, value] = variable(text, caller.env);
    env[name] = value;
  }
  return env;
}

function variable(text: string, callerEnv: Caller['env']): readonly [string, string] {
  const equals = text.indexOf('=');
  const name = checkVariable(equals === -1 ? text : text.slice(0, equals));
  if (equals !== -1) return [name, text.slice(equals + 1)];
  const value = callerEnv[name];
  if (value !== undefined) return [name, value];
  throw new BerthError(`--env ${name} copies a variable that is not set here.`, {
    code: 'INVALID_VALUE',
    hint: `Set it, or give the value: --env ${name}=VALUE.`,
  });
}

/** Names that a POSIX shell can export (POSIX.1-2017, 3.235 "Name"). */
function checkVariable(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new BerthError(`--env ${JSON.stringify(name)} is not a valid variable name.`, {
    code: 'INVALID_VALUE',
    hint: 'A name is made of letters, digits and underscores, and does not begin with a digit: --env NAME=VALUE.',
  });
}

function worktree(flags: ContextFlags): boolean {
  if (flags.worktree && flags['git-branch'] === null) {
    throw conflict('--worktree needs a branch.', 'Name it with --git-branch.');
  }
  return flags.worktree;
}

function venv(flags: ContextFlags, workdir: string): VenvRequest {
  const chosen = [
    flags['auto-venv'] && '--auto-venv',
    flags.venv !== null && '--venv',
    flags['no-venv'] && '--no-venv',
  ];
  const [first, second] = chosen.filter((name) => name !== false);
  if (second !== undefined)
    throw conflict(`${first} and ${second} contradict each other.`, 'Give one of them.');
  // inside a container the directory is the container's: it cannot be checked here
  if (flags.venv !== null) return { kind: 'dir', dir: resolve(workdir, flags.venv) };
  return flags['auto-venv'] ? { kind: 'auto' } : { kind: 'off' };
}
