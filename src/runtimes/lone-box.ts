import { BerthError } from '../core/errors.ts';
import type { RunEnd } from '../core/executor.ts';
import type { Host } from '../core/host.ts';
import type { LoneBox, LoneProgram } from '../core/runtime.ts';
import { callEngine, type EngineName, engineCommand } from './engine-cli.ts';
import { cliInspector } from './inspector.ts';
import { planOf, runAsOf, type Wanted } from './owned.ts';
import { BOUNDED_LOG, runArguments, type StartCommand } from './run-arguments.ts';
import { START_TIMEOUT_MS, startFailure } from './start-failure.ts';

/**
 * A container of berth's own whose program is the task's, for an image that has no shell: made, and started by
 * whoever passes its streams on. The engine stops it, and the engine's record tells how it ended.
 *
 * @throws {BerthError} as `startOwned`
 */
export async function makeLone(
  host: Host,
  engine: EngineName,
  { wanted, program }: { readonly wanted: Wanted; readonly program: LoneProgram },
): Promise<LoneBox> {
  const { argv, env } = await createCommand(host, engine, { wanted, program });
  const result = await callEngine(host, argv, { timeoutMs: START_TIMEOUT_MS, env });
  if (result.exitCode !== 0) throw await startFailure(host, engine, { image: wanted.image, result });
  const id = result.stdout.trim().split('\n').at(-1) ?? '';
  const interactive = program.streams.stdin ? ['--interactive'] : [];
  const order = (...words: readonly string[]) =>
    callEngine(host, [engine, ...words, id], { timeoutMs: START_TIMEOUT_MS + program.graceMs });
  return {
    place: { runtime: engine, id, owned: true, container: { ...wanted.container, id }, user: null },
    command: engineCommand([engine, 'start', '--attach', ...interactive, id]),
    stop: async () => void (await order('stop', `--time=${Math.ceil(program.graceMs / 1000)}`)),
    kill: async () => void (await order('kill')),
    endOf: (client) => endOf(host, engine, { id, client }),
  };
}

async function createCommand(
  host: Host,
  engine: EngineName,
  { wanted, program }: { readonly wanted: Wanted; readonly program: LoneProgram },
): Promise<StartCommand> {
  const { container, scope } = wanted;
  const { argv, env, cwd } = program.command;
  const [entrypoint = '', ...command] = argv;
  const { stdin, tty } = program.streams;
  const asked = program.user === null ? null : { user: program.user, home: null, keepId: false };
  return runArguments(engine, {
    ...planOf(wanted),
    verb: ['create', BOUNDED_LOG, ...(stdin ? ['--interactive'] : []), ...(tty ? ['--tty'] : [])],
    runAs: asked ?? (await runAsOf(host, container, scope.workdir)),
    env,
    workdir: cwd,
    entrypoint,
    command,
  });
}

interface Ended {
  readonly id: string;
  readonly client: RunEnd;
}

/** What the engine says of its program, not what the client says that showed it. */
async function endOf(host: Host, engine: EngineName, { id, client }: Ended): Promise<RunEnd> {
  const found = await cliInspector(host, engine)
    .container(id)
    .catch((error) => {
      if (error instanceof BerthError) return null;
      throw error;
    });
  if (client.kind !== 'vanished' || found?.state !== 'exited' || found.exitCode === null) return client;
  const refusal = INIT_REFUSED.exec(client.stderrTail.trim());
  if (refusal === null)
    return { kind: 'ended', report: { kind: 'exit', exitCode: found.exitCode, reason: null, gone: true } };
  const exitCode = refusal[1] === 'No such file or directory' ? 127 : 126;
  return { kind: 'ended', report: { kind: 'refused', exitCode, reason: 'program', gone: true } };
}

/** The inits of docker (tini, 127 or 126) and podman (catatonit, 1) where they cannot start the program; alone, with the reason. */
const INIT_REFUSED =
  /^(?:\[FATAL tini \(\d+\)\] exec .* failed: |ERROR \(catatonit:\d+\): failed to exec pid1: )(.*)$/;
