import { main } from './cli/cli.ts';
import { BerthError } from './core/errors.ts';
import { wire } from './wiring.ts';

/** The program, with the arguments, the environment and the streams of this process. */
export async function program(): Promise<void> {
  const { argv, env, execPath, stdout, stderr } = process;
  try {
    const deps = wire({ env, cwd: process.cwd(), self: [execPath, '--', argv[1] ?? ''] });
    process.exitCode = await main(argv.slice(2), deps, { stdout, stderr });
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    stderr.write(`berth: ${error.code}: ${error.message}\n${error.hint}\n`);
    process.exitCode = error.exitCode;
  }
}
