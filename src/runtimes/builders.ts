import { shellQuote } from '../core/command.ts';
import { BerthError } from '../core/errors.ts';
import { checkContainerName, checkImageName, checkServiceName, checkWord } from './names.ts';

/** A command to read, to paste or to run. */
export interface BuiltCommand {
  /** Program and arguments; to run it, no shell is needed. */
  readonly argv: readonly string[];
  /** One line from which a POSIX shell makes the same `argv`. */
  readonly display: string;
}

/** A list is started as it is. A line of plain words is split at its spaces, any other line goes to `sh -c`. */
export type CommandInput = string | readonly string[];

export interface RunOptions {
  readonly image: string;
  readonly workingDir?: string;
  /** Host path (or volume name) to container path, which may end in `:ro`. */
  readonly volumes?: Readonly<Record<string, string>>;
  readonly envVars?: Readonly<Record<string, string>>;
  /** Host port, with an address in front if need be, to container port. */
  readonly ports?: Readonly<Record<string, string | number>>;
  /** Options of the engine, such as `--rm`; they come first. */
  readonly dockerArgs?: readonly string[];
  readonly command?: CommandInput;
}

/**
 * `docker run` with exactly what was said: no option is added.
 *
 * @throws {BerthError} `INVALID_VALUE`: a name that no engine takes, or that it would take for an option
 */
export function buildDockerRunCmd(options: RunOptions): BuiltCommand {
  return runCommand('docker', options);
}

/** As `buildDockerRunCmd`, for podman. */
export function buildPodmanRunCmd(options: RunOptions): BuiltCommand {
  return runCommand('podman', options);
}

export interface ComposeExecOptions {
  readonly service: string;
  readonly command: CommandInput;
  readonly workingDir?: string;
}

/** `docker compose exec` without a terminal, in the project of the directory where it is run. */
export function buildDockerComposeExecCmd({
  service,
  command,
  workingDir,
}: ComposeExecOptions): BuiltCommand {
  checkServiceName(service);
  const where = workingDir === undefined ? [] : ['-w', workingDir];
  return built(['docker', 'compose', 'exec', '-T', ...where, service, ...commandWords(command)]);
}

export interface PodmanExecOptions {
  readonly container: string;
  readonly command: CommandInput;
  readonly workingDir?: string;
  readonly envVars?: Readonly<Record<string, string>>;
  readonly user?: string;
}

export function buildPodmanExecCmd(options: PodmanExecOptions): BuiltCommand {
  const { container, command, workingDir, envVars, user } = options;
  checkContainerName(container);
  return built([
    'podman',
    'exec',
    ...pairs('-e', envVars, '='),
    ...(workingDir === undefined ? [] : ['-w', workingDir]),
    ...(user === undefined ? [] : ['-u', user]),
    container,
    ...commandWords(command),
  ]);
}

export interface KubectlExecOptions {
  /** A pod's name, or `deployment/NAME`. */
  readonly pod: string;
  readonly namespace?: string;
  readonly container?: string;
  readonly command: CommandInput;
  readonly context?: string;
}

export function buildKubectlExecCmd(options: KubectlExecOptions): BuiltCommand {
  const { pod, namespace, container, command, context } = options;
  checkWord('pod', pod);
  for (const word of [namespace, container, context])
    if (word !== undefined) checkWord('Kubernetes name', word);
  return built([
    'kubectl',
    ...(context === undefined ? [] : ['--context', context]),
    'exec',
    ...(namespace === undefined ? [] : ['-n', namespace]),
    pod,
    ...(container === undefined ? [] : ['-c', container]),
    '--',
    ...commandWords(command),
  ]);
}

/** The argument list that a command means; see `CommandInput`. */
export function commandWords(command: CommandInput): readonly string[] {
  if (typeof command !== 'string') {
    if (command.length === 0 || command[0] === '') throw noCommand();
    return command;
  }
  const line = command.trim();
  if (line === '') throw noCommand();
  const words = line.split(/[ \t]+/);
  const isPlain = words.every((word) => /^[\w@%+:,./=-]+$/.test(word)) && !/[=]/.test(words[0] ?? '');
  return isPlain && !SHELL_WORDS.has(words[0] ?? '') ? words : ['sh', '-c', command];
}

/** Words that only a shell understands, or that mean something else to it than to the system. */
const SHELL_WORDS = new Set(
  (
    '. : ! [[ alias bg break case cd command continue declare do done elif else esac eval exec exit export fc fg fi ' +
    'for function getopts hash if jobs let local read readonly return select set shift source then time times trap ' +
    'type typeset ulimit umask unalias unset until wait while'
  ).split(' '),
);

function runCommand(engine: 'docker' | 'podman', options: RunOptions): BuiltCommand {
  checkImageName(options.image);
  return built([
    engine,
    'run',
    ...(options.dockerArgs ?? []),
    ...pairs('-v', options.volumes, ':'),
    ...pairs('-e', options.envVars, '='),
    ...pairs('-p', options.ports, ':'),
    ...(options.workingDir === undefined ? [] : ['-w', options.workingDir]),
    options.image,
    ...(options.command === undefined ? [] : commandWords(options.command)),
  ]);
}

function pairs(
  option: string,
  values: Readonly<Record<string, string | number>> | undefined,
  joint: ':' | '=',
): readonly string[] {
  return Object.entries(values ?? {}).flatMap(([key, value]) => {
    if (key !== '' && !(joint === '=' && key.includes('='))) return [option, `${key}${joint}${value}`];
    throw new BerthError(`${JSON.stringify(key)} is no name for ${option}.`, {
      code: 'INVALID_VALUE',
      hint: 'A variable needs a name without =, a volume or a port its host side.',
    });
  });
}

function built(argv: readonly string[]): BuiltCommand {
  return { argv, display: shellQuote(argv) };
}

function noCommand(): BerthError {
  return new BerthError('There is no command to run.', {
    code: 'INVALID_VALUE',
    hint: 'Give a line such as `npm test`, or a list such as ["npm", "test"].',
  });
}
