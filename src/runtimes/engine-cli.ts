import type { Command } from '../core/command.ts';
import { BerthError } from '../core/errors.ts';
import type { ExecResult, Host } from '../core/host.ts';
import type { Availability } from '../core/inspect.ts';

export type EngineName = 'docker' | 'podman';

/** Nothing that only asks an engine may take longer. */
export const ASK_TIMEOUT_MS = 10_000;

/**
 * Call an engine's own program: argument list, closed stdin, a deadline.
 *
 * @returns  the result, also of a call that the engine refused (a missing image, a taken name)
 * @throws   {BerthError} `RUNTIME_UNAVAILABLE`: not installed, no daemon, no permission, hangs
 */
export async function callEngine(
  host: Host,
  argv: readonly [EngineName, ...string[]],
  { timeoutMs = ASK_TIMEOUT_MS, env = {} }: CallOptions = {},
): Promise<ExecResult> {
  const command = engineCommand(argv);
  const result = await host.exec({ ...command, env: { ...command.env, ...env } }, { timeoutMs });
  const trouble = engineTrouble(result);
  if (trouble !== null) throw unavailable(host, argv[0], { trouble, result, timeoutMs });
  return result;
}

export interface CallOptions {
  readonly timeoutMs?: number;
  /** Variables for the client itself. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Podman would read DOCKER_CONFIG too, and fails when that directory has no config.json. */
export function engineCommand(argv: readonly [EngineName, ...string[]]): Command {
  return { argv, cwd: null, env: argv[0] === 'podman' ? { DOCKER_CONFIG: '' } : {} };
}

export type Trouble = Exclude<Availability['state'], 'answers' | 'not_configured'>;

/** Why an engine could not even be asked; null when it answered, be it with a refusal. */
export function engineTrouble(result: ExecResult): Trouble | null {
  if (result.failure === 'not_found') return 'not_installed';
  if (result.failure === 'not_executable') return 'unusable';
  if (result.failure !== null) return 'hangs';
  if (result.exitCode === 0) return null;
  return TROUBLES.find(([words]) => words.test(result.stderr))?.[1] ?? null;
}

/** The words of docker 20 to 28 and podman 4 and 5. */
const TROUBLES: readonly (readonly [RegExp, Trouble])[] = [
  [/permission denied while trying to connect|dial unix .*: permission denied/i, 'no_permission'],
  [/unable to resolve docker endpoint|context not found|unable to parse docker host/i, 'bad_endpoint'],
  [/invalid bind address|no such host\b|could not resolve hostname|invalid proto/i, 'bad_endpoint'],
  [/cannot connect to the docker daemon|is the docker daemon running|error during connect/i, 'no_daemon'],
  [/cannot connect to podman|connection refused|dial unix .*: no such file/i, 'no_daemon'],
];

/** An error for an answer that was a refusal and has no better name: the engine's words and one step. */
export function refused(engine: EngineName, what: string, result: ExecResult): BerthError {
  return new BerthError(`${engine} could not ${what}: ${lastWords(result.stderr)}`, {
    code: 'ENGINE_ERROR',
    hint: `\`berth runtimes\` shows whether ${engine} answers; the words above are its own.`,
  });
}

/** What an engine said, without its prefixes and its advice to read the help. */
export function lastWords(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(Run|See) '.* --help'/.test(line));
  const text = (lines.at(-1) ?? 'it said nothing').replace(
    /^(docker: )?(Error response from daemon: |Error: |Failed to initialize: )?/,
    '',
  );
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

interface Unanswered {
  readonly trouble: Trouble;
  readonly result: ExecResult;
  readonly timeoutMs: number;
}

function unavailable(host: Host, engine: EngineName, { trouble, result, timeoutMs }: Unanswered): BerthError {
  const where = host.name === 'local' ? 'on this machine' : `on ${host.name}`;
  const sentences: Record<Trouble, string> = {
    not_installed: `${engine} is not installed ${where}.`,
    unusable: `${engine} ${where} cannot be run.`,
    hangs: `${engine} ${where} did not answer within ${timeoutMs} ms.`,
    no_permission: `This user may not talk to ${engine} ${where}: ${lastWords(result.stderr)}`,
    bad_endpoint: `${engine} ${where} is set to an endpoint that cannot be used: ${lastWords(result.stderr)}`,
    no_daemon: `${engine} is installed ${where}, but nothing answers: ${lastWords(result.stderr)}`,
  };
  return new BerthError(sentences[trouble], {
    code: 'RUNTIME_UNAVAILABLE',
    hint: '`berth runtimes` shows each engine, its endpoint, and what mends it.',
  });
}
