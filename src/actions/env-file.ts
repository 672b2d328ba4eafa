import { readFile } from 'node:fs/promises';
import { BerthError } from '../core/errors.ts';

/**
 * The variables of an env file, by Compose's rules; `$NAME` in it comes from the caller.
 *
 * @throws {BerthError} `FILE_NOT_FOUND`, or `ENV_FILE_INVALID` with the line
 */
export async function readEnvFile(
  path: string,
  callerEnv: Readonly<Record<string, string | undefined>>,
): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'does not exist' : `cannot be read: ${error.code ?? error.message}`;
    throw new BerthError(`The env file ${path} ${why}.`, {
      code: 'FILE_NOT_FOUND',
      hint: 'Check the path; a relative one starts at the current directory.',
      cause: error,
    });
  });
  const contexts = await import('../contexts/env-file.ts');
  const env = contexts.readEnvFile(text, (name) => callerEnv[name], `The env file ${path}`);
  const bad = Object.keys(env).find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (bad === undefined) return env;
  throw new BerthError(`The env file ${path} sets "${bad}", which no shell can export.`, {
    code: 'ENV_FILE_INVALID',
    hint: 'A name is made of letters, digits and underscores, and does not begin with a digit.',
  });
}
