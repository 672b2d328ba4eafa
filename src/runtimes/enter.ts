import type { Command } from '../core/command.ts';
import type { Streams } from '../core/runtime.ts';
import { type EngineName, engineCommand } from './engine-cli.ts';
import { checkContainerName } from './names.ts';
import { passVariables } from './variables.ts';

export interface Box {
  readonly engine: EngineName;
  readonly id: string;
  /** Null is the container's own user. */
  readonly user: string | null;
}

/**
 * The command that runs `inner` in a running container. Pure text work.
 *
 * @throws {BerthError} `INVALID_VALUE`: what is no name or id; and as `passVariables`
 */
export function enterContainer(box: Box, inner: Command, streams: Streams): Command {
  checkContainerName(box.id);
  const variables = passVariables(box.engine, inner.env);
  const { argv, env: own } = engineCommand([
    box.engine,
    'exec',
    ...(streams.stdin ? ['--interactive'] : []),
    ...(streams.tty ? ['--tty'] : []),
    ...(inner.cwd === null ? [] : ['--workdir', inner.cwd]),
    ...(box.user === null ? [] : ['--user', box.user]),
    ...variables.args,
    box.id,
    ...inner.argv,
  ]);
  return { argv, cwd: null, env: { ...own, ...variables.env } };
}
