import { BerthError, type ErrorCode } from '../core/errors.ts';
import type { ExecResult } from '../core/host.ts';
import { type EngineName, engineTrouble, lastWords } from './engine-cli.ts';

/**
 * Why an `exec` never started its program; null when the program ran. Docker says this on stdout and
 * with 126, podman on stderr and with 127, 126 or 255; a program's own 126 and 127 come without their words.
 */
export function execFailure(engine: EngineName, container: string, result: ExecResult): BerthError | null {
  if (result.exitCode === 0) return null;
  const trouble = engineTrouble({ ...result, stderr: '' });
  const words = `${result.stdout}\n${result.stderr}`;
  const rule = RULES.find(([pattern]) => pattern.test(words));
  if (trouble === null && rule === undefined) return null;
  const said = lastWords(result.stderr.trim() === '' ? result.stdout : result.stderr);
  return new BerthError(`Nothing ran in ${container}: ${said}`, {
    code: rule?.[1] ?? 'RUNTIME_UNAVAILABLE',
    hint: rule?.[2] ?? `\`berth runtimes\` shows whether ${engine} answers.`,
  });
}

/** The first line of what docker 20 to 28 and podman 4 and 5 say. */
const BEGIN = '^(?:OCI runtime exec failed|Error: (?:runc|crun|OCI runtime)|Error: .*exec failed)';
const RULES: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [
    new RegExp(`${BEGIN}.*chdir to cwd`, 'm'),
    'DIRECTORY_NOT_FOUND',
    'The directory must exist in the container.',
  ],
  [
    new RegExp(`${BEGIN}.*(?:executable file .*not found|no such file or directory)`, 'm'),
    'PROGRAM_NOT_FOUND',
    'The program must be installed in the container; a line with shell words needs `sh` there.',
  ],
  [
    new RegExp(`${BEGIN}.*(?:permission denied|exec format error)`, 'm'),
    'PROGRAM_NOT_EXECUTABLE',
    'Make the file executable for the container’s user.',
  ],
  [
    /^(?:Error: )?unable to find user .*no matching entries/m,
    'USER_NOT_FOUND',
    'Name a user of the container, or give numbers.',
  ],
  [
    /^Error response from daemon: .*is not running/m,
    'CONTAINER_NOT_RUNNING',
    'It was stopped in the meantime.',
  ],
  [/^Error: .*container state improper/m, 'CONTAINER_NOT_RUNNING', 'It was stopped in the meantime.'],
];
