import { main } from './cli/cli.ts';
import { databaseUrl } from './config.ts';
import { BerthError } from './core/errors.ts';
import { wire } from './wiring.ts';

/** The program, with the arguments, the environment and the streams of this process. */
export async function program(): Promise<void> {
  const { argv, env, execPath, stdout, stderr } = process;
  try {
    const self = [execPath, '--', argv[1] ?? ''];
    const deps = wire({ env, cwd: process.cwd(), self, database: await databaseUrl(env) });
    process.exitCode = await main(argv.slice(2), deps, { stdout, stderr });
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    stderr.write(`berth: ${error.code}: ${error.message}\n${error.hint}\n`);
    process.exitCode = error.exitCode;
  }
}
