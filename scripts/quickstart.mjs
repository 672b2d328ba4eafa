// `npm run quickstart`: the whole job once, in a temporary project with a temporary queue, and nothing left behind.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const work = realpathSync(mkdtempSync(join(tmpdir(), 'berth-quickstart-')));
const project = join(work, 'shop');
const env = {
  ...process.env,
  BERTH_HOME: join(work, 'state'),
  XDG_CONFIG_HOME: join(work, 'config'),
  NODE_COMPILE_CACHE: join(work, 'code'),
};
const bin = join(work, 'bin');
let failures = 0;
let container = false;

process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

say('Building berth ...');
must(process.execPath, [join(root, 'scripts/build.mjs'), join(work, 'dist')], { cwd: root });
mkdirSync(bin);
writeFileSync(
  join(bin, 'berth'),
  `#!/bin/sh\nexec ${JSON.stringify(process.execPath)} -- ${JSON.stringify(join(work, 'dist/lib/berth.js'))} "$@"\n`,
  { mode: 0o755 },
);
env.PATH = `${bin}:${process.env.PATH}`;
mkdirSync(join(project, 'src'), { recursive: true });

say('\nA worker in the background, and tasks in its queue. Each ends with its true exit code.');
berth('up');
berth(`send 'echo building in $PWD; exit 0' --wait`);
berth(`send 'echo "3 tests failed" >&2; exit 3' --wait`, 3);
berth(`send './deploy.sh' --prereq 'test -f release.txt' --wait`, 125);

const image = findImage();
if (image === null) {
  say('\nNo container engine answers here (or it has no image with a shell), so this part is left out.');
  say('`berth runtimes` says what is missing:');
  berth('runtimes', null);
} else {
  container = true;
  say(
    `\nThe same project with a Compose file of two services (image ${image}): tasks go where the project lives.`,
  );
  writeFileSync(join(project, 'compose.yaml'), composeFile(image));
  must('docker', ['compose', 'up', '-d'], { cwd: project, quiet: true });
  berth('detect');
  berth('services');
  say('\nIn a sub-directory, the task runs in the directory of the container that it is mounted at:');
  berth('run --use-container --workdir src -- sh -c \'echo "$(hostname) in $(pwd)"\'');
  berth("send 'echo queued in $(pwd); exit 7' --use-container --wait", 7);
  berth('explain --use-container --workdir src -- npm test');
  say('\nA stopped service never makes a task run on the host instead:');
  must('docker', ['compose', 'stop', '--timeout', '0', 'web'], { cwd: project, quiet: true });
  berth('run --use-container -- touch made-in-the-wrong-place', 125);
}

say('\nWhat happened:');
berth('list');
berth('logs 2');
berth('why 3');
berth('down');

if (failures > 0) {
  say(`\n${failures} of the steps above did not end as they should have.`);
  process.exit(1);
}
say(
  '\nThat is berth. Next: `npm run build && npm install --global .`, then `berth up` and `berth send` in a project of yours.',
);

/** Show a command line and run it through a shell, as a person would type it. */
function berth(line, expected = 0) {
  process.stdout.write(`\n$ berth ${line}\n`);
  const { status } = spawnSync('sh', ['-c', `berth ${line}`], {
    cwd: project,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (expected !== 0 && status === expected) process.stdout.write(`(exit code ${status})\n`);
  if (expected === null || status === expected) return;
  failures += 1;
  process.stdout.write(`(exit code ${status}; it should be ${expected})\n`);
}

/** An image with a shell that is on this machine already: nothing is pulled unasked. */
function findImage() {
  const { status, stdout } = spawnSync('docker', ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}'], {
    encoding: 'utf8',
    timeout: 5000,
  });
  if (status !== 0 || spawnSync('docker', ['compose', 'version'], { timeout: 5000 }).status !== 0)
    return null;
  const local = stdout.split('\n');
  const known = ['busybox', 'alpine', 'debian', 'ubuntu', 'node', 'python', 'berth-busybox'];
  const found = known.map((name) =>
    local.find((image) => image.startsWith(`${name}:`) && !image.endsWith('<none>')),
  );
  return found.find((image) => image !== undefined) ?? null;
}

function composeFile(image) {
  const service = (extra) =>
    `    image: ${image}\n    command: sleep 3600\n    init: true\n    pull_policy: never\n${extra}`;
  return `name: ${basename(work).toLowerCase()}\nservices:\n  web:\n${service('    volumes: [".:/app"]\n    working_dir: /app\n')}  db:\n${service('')}`;
}

function cleanUp() {
  spawnSync('sh', ['-c', 'berth down >/dev/null 2>&1'], { env, cwd: work });
  if (container)
    spawnSync('docker', ['compose', 'down', '--timeout', '0'], { cwd: project, stdio: 'ignore' });
  rmSync(work, { recursive: true, force: true });
}

function must(program, args, { cwd, quiet = false }) {
  const { status, stderr } = spawnSync(program, args, {
    cwd,
    env,
    stdio: ['ignore', quiet ? 'ignore' : 'inherit', 'pipe'],
    encoding: 'utf8',
  });
  if (status === 0) return;
  process.stderr.write(stderr);
  say(`\`${program} ${args.join(' ')}\` failed.`);
  process.exit(1);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
