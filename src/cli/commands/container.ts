import { resolve } from 'node:path';
import { execInContainer } from '../../actions/container-exec.ts';
import { runContainer, type StartWish, startContainer } from '../../actions/container-start.ts';
import { stopContainer } from '../../actions/container-stop.ts';
import { BerthError, ERROR_EXITS } from '../../core/errors.ts';
import { defineCommand, type Invocation, JSON_FLAG } from '../command.ts';
import { checkName, environment } from '../context-options.ts';

const start = 'Options of start';
const FLAGS = {
  name: { type: 'string', value: 'NAME', group: start, help: 'what the engine calls it' },
  volume: { type: 'strings', value: 'H:C[:ro]', group: start, help: 'mount this; H must exist (repeatable)' },
  port: {
    type: 'strings',
    value: 'H:C',
    group: start,
    help: 'publish to this machine, or to all with an address in front (repeatable)',
  },
  env: { type: 'strings', value: 'K=V', short: 'e', group: start, help: 'set a variable (repeatable)' },
  'env-file': {
    type: 'strings',
    value: 'FILE',
    completes: 'file',
    group: start,
    help: "read variables by Compose's rules (repeatable)",
  },
  user: { type: 'string', value: 'U', group: start, help: 'user inside' },
  workdir: { type: 'string', value: 'DIR', group: start, help: 'working directory inside' },
  'docker-arg': { type: 'strings', value: 'A', group: start, help: 'pass this to the engine (repeatable)' },
  hardened: {
    type: 'boolean',
    group: start,
    help: 'no capabilities, no network, read-only root, few processes',
  },
  pull: { type: 'boolean', group: start, help: 'fetch an image that is not on this machine' },
  build: { type: 'boolean', group: start, help: 'build the image first, from the build file here' },
  'no-detach': {
    type: 'boolean',
    group: start,
    help: 'stay with it: show its output, stop and remove it at the end, exit with its code',
  },
  'container-type': {
    type: 'string',
    value: 'T',
    completes: ['docker', 'podman'],
    group: start,
    help: 'docker or podman (default: the first that answers)',
  },
  force: { type: 'boolean', group: 'Options of stop', help: 'kill it at once instead of after 10 s' },
  ...JSON_FLAG,
} as const;

type Call = Invocation<typeof FLAGS>;

export default defineCommand({
  name: 'container',
  details:
    'start IMAGE [-- CMD...] starts a container that stays until it is stopped, and prints its id.\n' +
    "exec ID -- CMD... runs a command in a running one, and exits with the command's code.\n" +
    'stop ID stops one; what berth started is removed too.',
  arguments: {
    usage: 'start|exec|stop IMAGE|ID [-- CMD...]',
    min: 2,
    max: Number.POSITIVE_INFINITY,
    completes: ['start', 'exec', 'stop'],
  },
  flags: FLAGS,
  examples: [
    ['berth container start postgres:16 --name db --port 5432:5432 --env POSTGRES_PASSWORD=x', 'starts one'],
    ["berth container exec db -- psql -U postgres -c 'select 1'", 'runs a command in it'],
  ],

  async run(call) {
    const [action = '', target = '', ...command] = call.args;
    const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (act) return act(call, target, command);
    throw usage(`berth container cannot ${JSON.stringify(action)}.`);
  },
});

type Act = (call: Call, target: string, command: readonly string[]) => Promise<number>;

const ACTIONS: Readonly<Record<string, Act>> = { start: startOne, exec, stop };

async function startOne(call: Call, image: string, command: readonly string[]): Promise<number> {
  const { deps, out, flags } = call;
  refuse(call, ['force'], 'start');
  const wish = await wishOf(call, checkName('IMAGE', image), command);
  if (flags['no-detach']) {
    const code = await runContainer(deps, wish, (stream, bytes) =>
      out.bytes(flags.json ? 'stderr' : stream, bytes),
    );
    if (flags.json) await out.value({ exit_code: code });
    return code ?? ERROR_EXITS.INTERNAL;
  }
  const { id, engine } = await startContainer(deps, wish);
  if (flags.json) await out.value({ container_id: id, engine, name: flags.name });
  else await out.line(id);
  await out.talk(`It runs until \`berth container stop ${flags.name ?? id.slice(0, 12)}\`.`);
  return 0;
}

async function wishOf(
  { deps, out, flags }: Call,
  image: string,
  command: readonly string[],
): Promise<StartWish> {
  return {
    image,
    name: flags.name === null ? null : checkName('--name', flags.name),
    volumes: flags.volume,
    ports: flags.port,
    env: await environment(flags, deps),
    user: flags.user === null ? null : checkName('--user', flags.user),
    workdir: flags.workdir,
    engineArgs: flags['docker-arg'],
    hardened: flags.hardened,
    command,
    engine: flags['container-type'] === null ? null : engineOf(flags['container-type']),
    pull: flags.pull ? 'missing' : 'never',
    build: flags.build,
    cwd: resolve(deps.cwd),
    onProgress: (text) => void out.bytes('stderr', Buffer.from(text)),
  };
}

async function exec(call: Call, container: string, argv: readonly string[]): Promise<number> {
  const { deps, out, flags } = call;
  refuse(call, [...START_ONLY, 'force'], 'exec');
  if (argv.length === 0) throw usage(`berth container exec ${container} needs a command.`);
  const kept = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const code = await execInContainer(
    deps,
    { container: checkName('ID', container), argv },
    async (stream, bytes) => {
      if (flags.json) kept[stream].push(bytes);
      else await out.bytes(stream, bytes);
    },
  );
  const text = (chunks: readonly Uint8Array[]) => Buffer.concat(chunks).toString();
  if (flags.json) await out.value({ stdout: text(kept.stdout), stderr: text(kept.stderr), exit_code: code });
  return code;
}

async function stop(call: Call, container: string, rest: readonly string[]): Promise<number> {
  const { deps, out, flags } = call;
  refuse(call, START_ONLY, 'stop');
  if (rest.length > 0)
    throw usage(`berth container stop takes one container, not also ${JSON.stringify(rest[0])}.`);
  const stopped = await stopContainer(deps, checkName('ID', container), flags.force);
  if (flags.json) await out.value({ container, stopped });
  else await out.talk(stopped ? `${container} is stopped.` : `${container} did not run.`);
  return stopped ? 0 : 1;
}

const START_ONLY = Object.entries(FLAGS).flatMap(([name, flag]) =>
  'group' in flag && flag.group === start ? [name as keyof typeof FLAGS] : [],
);

/** An option that means nothing here was meant for something else. */
function refuse({ flags }: Call, names: readonly (keyof typeof FLAGS)[], action: string): void {
  const given = names.find((name) => {
    const value = flags[name];
    return Array.isArray(value) ? value.length > 0 : value !== null && value !== false;
  });
  if (given !== undefined) throw usage(`berth container ${action} has no option --${given}.`);
}

function engineOf(text: string): 'docker' | 'podman' {
  if (text === 'docker' || text === 'podman') return text;
  throw new BerthError(
    `--container-type ${JSON.stringify(text)} is not what one container can be started as.`,
    {
      code: 'INVALID_VALUE',
      hint: 'Use docker or podman.',
    },
  );
}

function usage(sentence: string): BerthError {
  return new BerthError(sentence, { code: 'USAGE', hint: 'See `berth container --help`.' });
}
